"""Optional data of notifications: fields of one channel, attachments' metadata, the provider to use.

Stored as one JSON document in the record, so that a notification without options has only one empty column.
Attachments' contents are in a separate table.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.contracts.users import Platform


class EmailOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Options of a mail. Addresses are in the form to send to; header fields are permitted ones."""

    from_name: str | None = None
    reply_to: str | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


class PushAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button of a push."""

    id: str
    title: str
    link: str | None = None


class PushOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Options of a push. `ttl`: seconds."""

    ttl: int | None = None
    collapse_key: str | None = None
    priority: str | None = None
    badge: int | None = None
    sound: str | None = None
    actions: tuple[PushAction, ...] = ()
    data: Mapping[str, str] = msgspec.field(default_factory=dict)


class AttachmentInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attachment's metadata in the record. `size`: bytes. With `content_id` it is inline."""

    filename: str
    content_type: str
    size: int
    content_id: str | None = None


class Through(msgspec.Struct, frozen=True, omit_defaults=True):
    """The name of the only provider that may send it. `platform`: of the push token in `recipient`, unless FCM."""

    provider: str
    platform: Platform | None = None


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """All options of a notification."""

    email: EmailOptions | None = None
    push: PushOptions | None = None
    attachments: tuple[AttachmentInfo, ...] = ()
    through: Through | None = None

    @property
    def any(self) -> bool:
        """Whether any option is set."""
        return any((self.email, self.push, self.attachments, self.through))


class File(msgspec.Struct, frozen=True):
    """An attachment with its content."""

    info: AttachmentInfo
    content: bytes


NO_OPTIONS = Options()
_decode = msgspec.json.Decoder(Options).decode


def options_of(text: str | None) -> Options:
    """Decode the options of a record."""
    return NO_OPTIONS if text is None else _decode(text)


def shown(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The fields of a NotificationView for stored `options`."""
    given = options or {}
    return {
        "email": given.get("email"),
        "push": given.get("push"),
        "attachments": given.get("attachments") or [],
    }
