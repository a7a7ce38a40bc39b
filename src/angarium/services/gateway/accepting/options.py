"""Optional fields of requests: `email`, `push`, `attachments`, and the provider to use."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from angarium.contracts.errors import Detail
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Channel
from angarium.services.gateway.accepting.attachments import Decoded
from angarium.services.gateway.accepting.json_text import json_text

_OF_CHANNEL: Mapping[str, Channel] = {"attachments": Channel.EMAIL, "email": Channel.EMAIL, "push": Channel.PUSH}


def channel_faults(request: NotificationRequest, channels: Sequence[Channel]) -> Sequence[Detail]:
    """An error for each field whose channel is not in `channels`, the notification's own and its fallbacks."""
    if request.attachments is None and request.email is None and request.push is None:
        return ()
    return [
        Detail(field, f"only for notifications by {channel}")
        for field, channel in _OF_CHANNEL.items()
        if getattr(request, field) is not None and channel not in channels
    ]


def options_text(request: NotificationRequest, files: Sequence[Decoded]) -> str | None:
    """`notifications.options.Options` as JSON; None if the request has none. Raises ValidationFailed."""
    through = request.through
    if not files and request.email is None and request.push is None and through is None:
        return None
    given: dict[str, Any] = {}
    for field, value in (("email", request.email), ("push", request.push)):
        if value is not None:
            given[field] = value.model_dump(exclude_defaults=True)
            json_text(field, given[field])
    if files:
        given["attachments"] = [msgspec.to_builtins(file.info) for file in files]
    if through is not None:
        given["through"] = dict(through)
    return json_text("attachments", given)


def given_fields(request: NotificationRequest, files: Sequence[Decoded]) -> Mapping[str, Any]:
    """The fields of a request for its fingerprint; attachments are represented by the digest of their content.

    Absent fields are omitted, so that a request repeated after an upgrade has the same digest.
    """
    fields = request.__dict__.copy()
    for name in _OF_CHANNEL:
        if fields[name] is None:
            del fields[name]
    if files:
        fields["attachments"] = [(file.info, file.digest) for file in files]
    return fields
