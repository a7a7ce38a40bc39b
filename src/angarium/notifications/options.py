"""What only some notifications have: fields of one channel, the names of attachments, the provider to use.

The record has them as one JSON document, so that a notification without any has one empty column more. What the
attachments hold is in a table of its own.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.contracts.users import Platform


class EmailOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a mail. Addresses are in the form to send to; header fields are ones that callers may set."""

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
    """Of a push. `ttl`: seconds."""

    ttl: int | None = None
    collapse_key: str | None = None
    priority: str | None = None
    badge: int | None = None
    sound: str | None = None
    actions: tuple[PushAction, ...] = ()
    data: Mapping[str, str] = msgspec.field(default_factory=dict)


class AttachmentInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the record says of an attachment. `size`: bytes. With `content_id` it is inline."""

    filename: str
    content_type: str
    size: int
    content_id: str | None = None


class Through(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one provider that may send it, by its name. `platform`: of the push token in `recipient`, if not FCM's."""

    provider: str
    platform: Platform | None = None


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of a notification's."""

    email: EmailOptions | None = None
    push: PushOptions | None = None
    attachments: tuple[AttachmentInfo, ...] = ()
    through: Through | None = None

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return any((self.email, self.push, self.attachments, self.through))


class File(msgspec.Struct, frozen=True):
    """An attachment with its content."""

    info: AttachmentInfo
    content: bytes


NO_OPTIONS = Options()
_decode = msgspec.json.Decoder(Options).decode


def options_of(text: str | None) -> Options:
    """The options in a record."""
    return NO_OPTIONS if text is None else _decode(text)


def shown(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The fields of a NotificationView that tell of `options`, as they are in the record."""
    given = options or {}
    return {
        "email": given.get("email"),
        "push": given.get("push"),
        "attachments": given.get("attachments") or [],
    }
