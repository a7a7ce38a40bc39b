"""The single description of a notification's record: each column and its uses.

The table, the inserts, the fields of claims and views, the copies for fallbacks, and erasure are derived from RECORD.
An adapter adds its type for each Kind. A new column is one line here, besides its migration, its field in
`notifications.model` and its place in the contract.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import Any, Final

import msgspec
from msgspec import UNSET

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.notifications.options import options_of


class Kind(StrEnum):
    """The kind of a column. Each adapter maps it to a type."""

    ID = "id"  # a UUID
    KEY = "key"  # up to 255 characters, compared byte by byte
    WORD = "word"  # a member of an enumeration, up to 16 characters
    TEXT = "text"
    INTEGER = "integer"
    SMALL_INTEGER = "small_integer"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    MOMENT = "moment"  # to the microsecond, in UTC
    DURATION = "duration"  # in arguments of statements only
    VERBATIM = "verbatim"  # verbatim JSON: a template may loop over its members in order
    DOCUMENT = "document"  # JSON that statements parse


class Use(Flag):
    """The uses of a column."""

    ACCEPTED = auto()  # written when the notification is accepted: a field of NewNotification
    CLAIMED = auto()  # read by a claim: a field of Claimed
    QUEUED = auto()  # read with an outbox row, to build the message of the notification
    SHOWN = auto()  # read for a NotificationView
    COPIED = auto()  # copied to the notification on the next channel after a permanent failure


ACCEPTED, CLAIMED, QUEUED, SHOWN, COPIED = Use.ACCEPTED, Use.CLAIMED, Use.QUEUED, Use.SHOWN, Use.COPIED
NOWHERE: Final = Use(0)


class Personal(StrEnum):
    """How personal data is removed from a column, on erasure or redaction."""

    NULL = "null"  # becomes NULL
    EMPTY = "empty"  # becomes an empty object
    REWRITTEN = "rewritten"  # its personal data is removed (`personal.blank_row`)
    LATER = "later"  # becomes NULL once nothing of the notification is in progress


_json = msgspec.json.Decoder().decode


def _json_or_none(text: str | None) -> Any:
    return None if text is None else _json(text)


def _channels(text: str) -> tuple[Channel, ...]:
    return () if text == "[]" else tuple(map(Channel, _json(text)))


def _channels_text(channels: tuple[Channel, ...]) -> str:
    return msgspec.json.encode(channels).decode() if channels else "[]"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `default`: the field's value in most acceptances. A batch with only default values is written by a shorter
    statement. `server_default`: the value of rows older than the column, if not NULL. `encode` converts a field of
    NewNotification to the column's value, `decode` the column's value to a field of Claimed; None: they are equal.
    Adapters use UUIDs, aware datetimes, and JSON as text.
    """

    name: str
    kind: Kind
    use: Use = NOWHERE
    nullable: bool = False
    default: Any = UNSET
    server_default: bool | None = None
    personal: Personal | None = None
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None


RECORD: tuple[Column, ...] = (
    Column("id", Kind.ID, ACCEPTED | CLAIMED | QUEUED | SHOWN),
    Column("tenant", Kind.KEY, ACCEPTED | CLAIMED | QUEUED | COPIED),
    Column("caller", Kind.KEY, ACCEPTED),
    Column("request_id", Kind.KEY, ACCEPTED | CLAIMED | QUEUED | SHOWN),
    Column("fingerprint", Kind.BYTES, ACCEPTED | COPIED),
    Column("channel", Kind.WORD, ACCEPTED | CLAIMED | QUEUED | SHOWN, decode=Channel),
    Column("user_id", Kind.KEY, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED, nullable=True),
    Column(
        "recipient",
        Kind.VERBATIM,
        ACCEPTED | CLAIMED | SHOWN | COPIED,
        nullable=True,
        default=None,
        personal=Personal.NULL,
        decode=_json_or_none,
    ),
    Column("template_code", Kind.KEY, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED),
    Column("template_version", Kind.INTEGER, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED),
    Column("locale", Kind.TEXT, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED),
    Column("category", Kind.TEXT, ACCEPTED | CLAIMED | SHOWN | COPIED, nullable=True),
    Column("priority", Kind.SMALL_INTEGER, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED),
    Column("variables", Kind.VERBATIM, ACCEPTED | CLAIMED | SHOWN | COPIED, personal=Personal.EMPTY, decode=_json),
    Column("metadata", Kind.DOCUMENT, ACCEPTED | CLAIMED | SHOWN | COPIED, default="{}", personal=Personal.EMPTY),
    Column(
        "policy",
        Kind.WORD,
        ACCEPTED | CLAIMED | COPIED,
        default=DeliveryPolicy.AT_LEAST_ONCE,
        decode=DeliveryPolicy,
    ),
    Column("correlation_id", Kind.TEXT, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED),
    Column("traceparent", Kind.TEXT, ACCEPTED | CLAIMED | QUEUED | COPIED, nullable=True),
    Column(
        "fallback",
        Kind.DOCUMENT,
        ACCEPTED | CLAIMED | SHOWN,
        default=(),
        encode=_channels_text,
        decode=_channels,
    ),
    Column("fallback_of", Kind.ID, ACCEPTED | SHOWN, nullable=True, default=None),
    Column("callback_url", Kind.TEXT, ACCEPTED | COPIED, nullable=True, default=None, personal=Personal.LATER),
    Column("send_at", Kind.MOMENT, ACCEPTED | SHOWN, nullable=True, default=None),
    Column("expires_at", Kind.MOMENT, ACCEPTED | CLAIMED | QUEUED | SHOWN | COPIED, nullable=True, default=None),
    Column("status", Kind.WORD, SHOWN),
    Column("attempts", Kind.INTEGER, SHOWN),
    Column("claim_token", Kind.ID, nullable=True),
    Column("lease_until", Kind.MOMENT, nullable=True),
    Column("due_at", Kind.MOMENT, nullable=True),  # not to be claimed before
    Column("sweep_at", Kind.MOMENT, nullable=True),  # when the sweeper checks it; NULL once it has ended
    Column("reason_code", Kind.TEXT, SHOWN, nullable=True),
    Column("reason_message", Kind.TEXT, SHOWN, nullable=True, personal=Personal.REWRITTEN),
    Column("provider", Kind.TEXT, CLAIMED | SHOWN, nullable=True),
    Column("provider_message_id", Kind.TEXT, SHOWN, nullable=True),
    Column("events", Kind.DOCUMENT, personal=Personal.REWRITTEN),
    Column("created_at", Kind.MOMENT, CLAIMED | SHOWN),
    Column("updated_at", Kind.MOMENT, SHOWN),
    Column("sent_at", Kind.MOMENT, SHOWN, nullable=True),
    Column("delivered_at", Kind.MOMENT, SHOWN, nullable=True),
    # Accepted with a test key: never sent.
    Column("test", Kind.BOOLEAN, ACCEPTED | CLAIMED | SHOWN | COPIED, default=False, server_default=False, decode=bool),
    Column("redacted_at", Kind.MOMENT, nullable=True),  # when its personal data was redacted by age
    # Contents of attachments are in `attachments`; their names and sizes are here.
    Column(
        "options",
        Kind.VERBATIM,
        ACCEPTED | CLAIMED | SHOWN | COPIED,
        nullable=True,
        default=None,
        personal=Personal.NULL,
        decode=options_of,
    ),
)
"""In the order of the table."""


def used(use: Use) -> tuple[Column, ...]:
    """The columns with that use, in the order of the table."""
    return tuple(column for column in RECORD if use in column.use)


def kinds(columns: tuple[Column, ...]) -> Mapping[str, Kind]:
    """The kinds of these columns by name."""
    return {column.name: column.kind for column in columns}


ORDINARY = tuple(column for column in used(Use.ACCEPTED) if column.default is UNSET)
"""Columns of every acceptance."""
RARE = tuple(column for column in used(Use.ACCEPTED) if column.default is not UNSET)
"""Columns with the default value in most acceptances."""


DEAD_LETTER: Mapping[str, Kind] = {
    "id": Kind.ID,
    "tenant": Kind.KEY,
    "notification_id": Kind.ID,
    "channel": Kind.WORD,
    "template_code": Kind.KEY,
    "request_id": Kind.KEY,
    "reason_code": Kind.TEXT,
    "reason_message": Kind.TEXT,
    "attempts": Kind.INTEGER,
    "correlation_id": Kind.TEXT,
    "payload": Kind.TEXT,
}
"""Columns of a dead letter (`arguments.dead_letter_values`); the database adds `failed_at`."""

MESSAGE: Mapping[str, Kind] = {
    "subject": Kind.ID,
    "kind": Kind.WORD,
    "exchange": Kind.TEXT,
    "routing_key": Kind.TEXT,
    "body": Kind.BYTES,
    "correlation_id": Kind.TEXT,
}
"""Columns of an outbox message (`arguments.message_values`); the database adds `available_at`."""

RESULT: Mapping[str, Kind] = {
    "id": Kind.ID,
    "claim_token": Kind.ID,
    "status": Kind.WORD,
    "events": Kind.DOCUMENT,
    "reason_code": Kind.TEXT,
    "reason_message": Kind.TEXT,
    "provider": Kind.TEXT,
    "provider_message_id": Kind.TEXT,
    "wait": Kind.DURATION,
    "given_back": Kind.INTEGER,
}
"""Columns of a result (`arguments.result_values`)."""

SENT: Mapping[str, Kind] = {
    name: RESULT[name] for name in ("id", "claim_token", "events", "provider", "provider_message_id")
}
"""Columns of a result that is only `sent` (`arguments.sent_columns`)."""
