"""The platform-independent form of a push."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from angarium.channels.api import invalid
from angarium.delivery.provider import Outbound
from angarium.notifications.options import PushAction, PushOptions
from angarium.rendering.content import PushContent

_NONE = PushOptions()


@dataclass(frozen=True, slots=True)
class PushMessage:
    """The content and options of a push.

    `key` is the same on every attempt. Devices that support it show one notification per key, so a duplicate is shown
    once. With a `collapse_key` it is that key, so a later message replaces this one. `data` is passed to the app.
    `ttl`: seconds that the platform may store the message; None: its default. `urgent`: whether the message wakes the
    device; None: the platform's default.
    """

    key: str
    title: str | None
    body: str
    image: str | None
    link: str | None
    data: Mapping[str, str]
    ttl: int | None
    collapse_key: str | None = None
    urgent: bool | None = None
    badge: int | None = None
    sound: str | None = None
    actions: tuple[PushAction, ...] = ()

    @property
    def web_link(self) -> str | None:
        """The link if a browser may open it: https only."""
        return self.link if self.link is not None and self.link.lower().startswith("https://") else None


def push_of(message: Outbound, now: datetime) -> PushMessage:
    """The push in `message` at `now` (aware). Raises Unsendable."""
    content = message.content
    if not isinstance(content, PushContent):
        raise invalid("not a push")
    texts = (content.title, content.body, content.image, content.link, message.message_key, message.address.value)
    try:
        for text in texts:
            _ = text is None or text.encode()
    except UnicodeEncodeError:
        raise invalid("the message is not Unicode") from None
    own = message.options.push or _NONE
    data = {**own.data, "notification_id": str(message.notification_id)}
    if content.link is not None:
        data["link"] = content.link
    return PushMessage(
        key=own.collapse_key or message.message_key,
        title=content.title,
        body=content.body,
        image=content.image,
        link=content.link,
        data=data,
        ttl=_ttl(message, own, now),
        collapse_key=own.collapse_key,
        urgent=None if own.priority is None else own.priority == "high",
        badge=own.badge,
        sound=own.sound,
        actions=own.actions,
    )


def _ttl(message: Outbound, own: PushOptions, now: datetime) -> int | None:
    """The requested TTL, limited to the notification's expiry."""
    left = None if message.expires_at is None else max(0, int((message.expires_at - now).total_seconds()))
    given = [seconds for seconds in (own.ttl, left) if seconds is not None]
    return min(given, default=None)


def key_of_device(message: Outbound) -> UUID:
    """The key of one message to one device, the same on every attempt, since a notification may have several devices.

    A derived UUID in the form of version 4, which OneSignal requires.
    """
    digest = hashlib.sha256(f"{message.message_key}:{message.address.value}".encode()).digest()
    return UUID(bytes=digest[:16], version=4)
