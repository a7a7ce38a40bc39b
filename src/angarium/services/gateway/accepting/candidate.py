"""A request that is valid by itself, with its stored texts and fingerprint, before any look-up.

Its optional fields, and its JSON as text that every database can store.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
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

_OF_CHANNEL: Mapping[str, Channel] = {"attachments": Channel.EMAIL, "email": Channel.EMAIL, "push": Channel.PUSH}
_NUL_ESCAPE = b"\\u0000"
FURTHEST = timedelta(days=3653)
"""How far in the future a time may be: ten years, so that date arithmetic never overflows in any database."""
LATEST_START = timedelta(seconds=60)
"""How far in the past `send_at` may be, in whole seconds, to allow for clock differences and latency."""
_FINGERPRINT_BYTES = 32


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


def json_text(field: str, value: Any) -> str:
    """`value` as JSON text.

    Raises ValidationFailed naming `field` for values that cannot be stored: NUL characters (refused by PostgreSQL's
    JSONB), lone surrogates (not encodable in UTF-8), nesting beyond the interpreter's depth.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValidationFailed.of(field, "must not hold lone surrogates") from None
    except (RecursionError, OverflowError, TypeError, ValueError):
        raise ValidationFailed.of(field, "cannot be kept as JSON") from None
    if _NUL_ESCAPE in encoded and _holds_nul(value):
        raise ValidationFailed.of(field, "must not hold NUL characters")
    return encoded.decode()


def _holds_nul(value: Any) -> bool:
    """Whether a string or key in `value` contains a NUL; an escaped backslash before `u0000` looks the same in JSON."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(entry) for key, entry in value.items())
    return isinstance(value, list) and any(_holds_nul(entry) for entry in value)


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
