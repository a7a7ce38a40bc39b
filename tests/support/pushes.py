"""Push messages for each platform."""

from typing import Any

from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Outbound
from angarium.rendering.content import PushContent
from angarium.testing.providers import outbound
from tests.support.phone_apis import Browser, device

KINDS = ["fcm", "onesignal", "webpush", "apns"]
IMAGE, LINK = "https://cdn.example/a.png?x=1&y=é", "https://shop.example/orders/42"
FULL = PushContent("Grüße 👋", 'Zeile 1\nZeile 2 "x"', IMAGE, LINK)
PLAIN = PushContent(None, "Hello")


def push(kind: str, content: PushContent = FULL, browser: Browser | None = None, **changes: Any) -> Outbound:
    """A push to a device of the platform `kind`."""
    address = (browser or Browser()).address() if kind == "webpush" else device(kind)
    return outbound(Channel.PUSH, **{"content": content, "address": address, **changes})
