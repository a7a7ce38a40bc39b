"""The payload of a notification for Apple's devices, and its headers.

https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from angarium.channels.push.message import PushMessage

LONGEST = 4096
"""Maximum bytes of a payload."""
LONGEST_COLLAPSE_ID = 64
_AT_ONCE, _SPARING = "10", "5"


class TooLong(ValueError):
    """The payload is longer than APNs accepts"""


def payload_of(push: PushMessage) -> bytes:
    """The JSON to post. Raises TooLong, and ValueError for text that is not Unicode."""
    alert = {"body": push.body} if push.title is None else {"title": push.title, "body": push.body}
    aps: dict[str, Any] = {"alert": alert}
    if push.badge is not None:
        aps["badge"] = push.badge
    if push.sound is not None:
        aps["sound"] = push.sound
    custom: dict[str, Any] = dict(push.data)
    if push.actions:
        custom["actions"] = push.actions  # for the app: its categories are declared in it
    if push.image is not None:
        aps["mutable-content"] = 1  # lets the app's service extension fetch the image
        custom["image"] = push.image
    payload = msgspec.json.encode({**custom, "aps": aps})
    if len(payload) > LONGEST:
        raise TooLong(f"the payload is longer than {LONGEST} bytes")
    return payload


def headers_of(push: PushMessage, message_id: UUID, *, topic: str, now: float) -> Mapping[str, str]:
    """All headers except the authorization. `now`: seconds since the epoch.

    `apns-id` only identifies the message. `apns-collapse-id` makes a repeated message replace itself.
    """
    headers = {
        "apns-topic": topic,
        "apns-push-type": "alert",
        "apns-priority": _SPARING if push.urgent is False else _AT_ONCE,
        "apns-id": str(message_id),
        "content-type": "application/json",
    }
    if 0 < len(push.key) <= LONGEST_COLLAPSE_ID and push.key.isascii() and push.key.isprintable():
        headers["apns-collapse-id"] = push.key
    if push.ttl is not None:
        headers["apns-expiration"] = str(int(now) + push.ttl)
    return headers
