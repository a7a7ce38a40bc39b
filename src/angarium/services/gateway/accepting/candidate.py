"""A request that is valid by itself, with its stored texts and fingerprint, before any look-up."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from pydantic import BaseModel

from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.notifications import NotificationRequest, Recipient, address_faults
from angarium.contracts.statuses import Channel
from angarium.services.gateway.accepting.attachments import Decoded
from angarium.services.gateway.accepting.callback_url import Network, check_callback_url
from angarium.services.gateway.accepting.json_text import json_text
from angarium.services.gateway.accepting.options import channel_faults, given_fields, options_text

FURTHEST = timedelta(days=3653)
"""How far in the future a time may be: ten years, so that date arithmetic never overflows in any database."""
LATEST_START = timedelta(seconds=60)
"""How far in the past `send_at` may be, in whole seconds, to allow for clock differences and latency."""
_FINGERPRINT_BYTES = 32


def _fields_of(value: object) -> Any:
    if isinstance(value, Recipient) and value.webhook is None:
        # Without webhooks, so that requests accepted before they existed keep their digest.
        return {name: field for name, field in value.__dict__.items() if name != "webhook"}
    if isinstance(value, BaseModel):
        return value.__dict__
    raise TypeError(f"{type(value).__name__} is no part of a request")


_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=_fields_of)


class Candidate(msgspec.Struct, frozen=True):
    """A request with the record's texts and times in UTC. `fingerprint` is a digest of its meaning.

    `request_id` is the request's own or a generated one.
    """

    request: NotificationRequest
    request_id: str
    variables: str
    metadata: str
    recipient: str | None
    send_at: datetime | None
    expires_at: datetime | None
    fingerprint: bytes
    options: str | None = None
    files: tuple[bytes, ...] = ()

    @classmethod
    def of(
        cls, request: NotificationRequest, make_request_id: Callable[[], str], files: Sequence[Decoded] = ()
    ) -> "Candidate":
        """Create the candidate for `request` with the decoded attachments `files`.

        Raises ValidationFailed for values that cannot be stored.
        """
        recipient = request.recipient
        return cls(
            request=request,
            request_id=request.request_id or make_request_id(),
            variables=json_text("variables", request.variables),
            metadata=json_text("metadata", request.metadata),
            recipient=None if recipient is None else json_text("recipient", recipient.model_dump(exclude_none=True)),
            send_at=request.send_at,
            expires_at=request.expires_at,
            fingerprint=_fingerprint(request, files),
            options=options_text(request, files),
            files=tuple(file.content for file in files) if files else (),
        )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channel, followed by its fallbacks."""
        return (self.request.notification_type, *self.request.fallback)


def check_alone(
    candidate: Candidate,
    *,
    enabled: Collection[Channel],
    allowed: Sequence[Network] | None,
    now: datetime,
    plain: Sequence[Network] = (),
) -> None:
    """Raise ValidationFailed with all errors that do not depend on users and templates.

    `allowed`: ranges in which callbacks may use plain http; None: callbacks are disabled. `plain`: the same for
    webhooks.
    """
    details = [
        *_channel_faults(candidate.request, enabled),
        *_address_faults(candidate.request, plain),
        *channel_faults(candidate.request, candidate.channels),
        *_time_faults(candidate, now),
    ]
    if candidate.request.callback_url is not None:
        try:
            _check_callback(candidate.request.callback_url, allowed)
        except ValidationFailed as refusal:
            details += refusal.details
    if details:
        raise ValidationFailed(details=details)


def _check_callback(url: str, allowed: Sequence[Network] | None) -> None:
    if allowed is None:
        raise ValidationFailed.of("callback_url", "callbacks are not configured here (ANGARIUM_CALLBACK_SECRET)")
    check_callback_url(url, allowed)


def _channel_faults(request: NotificationRequest, enabled: Collection[Channel]) -> list[Detail]:
    faults = []
    if request.notification_type not in enabled:
        faults.append(Detail("notification_type", f"the channel {request.notification_type} is not enabled here"))
    seen = {request.notification_type}
    for position, channel in enumerate(request.fallback):
        if channel in seen:
            faults.append(Detail(f"fallback.{position}", "a channel is tried only once"))
        elif channel not in enabled:
            faults.append(Detail(f"fallback.{position}", f"the channel {channel} is not enabled here"))
        seen.add(channel)
    return faults


def _address_faults(request: NotificationRequest, plain: Sequence[Network]) -> list[Detail]:
    if request.recipient is None:
        return []
    faults = address_faults(request.recipient.__dict__, plain)
    return [Detail(f"recipient.{name}", message) for name, message in faults]


def _time_faults(candidate: Candidate, now: datetime) -> list[Detail]:
    send_at, expires_at = candidate.send_at, candidate.expires_at
    faults = [
        Detail(field, "must lie within ten years")
        for field, moment in (("send_at", send_at), ("expires_at", expires_at))
        if moment is not None and moment - now > FURTHEST
    ]
    if send_at is not None and now - send_at >= LATEST_START + timedelta(seconds=1):
        faults.append(Detail("send_at", "must not lie in the past"))
    if expires_at is not None and expires_at <= now:
        faults.append(Detail("expires_at", "must lie ahead"))
    elif expires_at is not None and send_at is not None and expires_at <= send_at:
        faults.append(Detail("expires_at", "must be later than send_at"))
    return faults


def _fingerprint(request: NotificationRequest, files: Sequence[Decoded]) -> bytes:
    """A digest of the request's meaning, independent of the order of keys and the offsets of times."""
    return blake2b(_canonical.encode(given_fields(request, files)), digest_size=_FINGERPRINT_BYTES).digest()
