"""The payload for a browser's service worker, and the headers for its push service (RFC 8030).

The JSON uses the option names of `ServiceWorkerRegistration.showNotification`, so that a worker can pass it on.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.channels.push.message import PushMessage

LONGEST_TTL = 28 * 86400
"""Seconds: the maximum TTL of the large push services."""
_TOPIC_BYTES = 24
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""Syntax of a `Topic` (RFC 8030 §5.4)."""


def payload_of(push: PushMessage) -> bytes:
    """The JSON to encrypt. Raises ValueError for text that is not Unicode."""
    data: dict[str, Any] = dict(push.data)
    payload: dict[str, Any] = {"title": push.title or "", "body": push.body, "tag": push.key, "data": data}
    if push.image is not None:
        payload["image"] = push.image
    if push.badge is not None:
        payload["app_badge"] = push.badge  # for `navigator.setAppBadge`; `badge` would be the URL of an icon
    if push.actions:
        payload["actions"] = [{"action": action.id, "title": action.title} for action in push.actions]
        data["actions"] = {action.id: action.link for action in push.actions if action.link is not None}
    return msgspec.json.encode(payload)


def headers_of(push: PushMessage) -> Mapping[str, str]:
    """All headers except the authorization. `Topic` makes a repeated message replace itself (RFC 8030 §5.4)."""
    topic = push.collapse_key or ""
    if not _TOPIC.fullmatch(topic):
        topic = base64.urlsafe_b64encode(hashlib.sha256(push.key.encode()).digest()[:_TOPIC_BYTES]).decode()
    return {
        "ttl": str(LONGEST_TTL if push.ttl is None else min(push.ttl, LONGEST_TTL)),
        "topic": topic,
        "urgency": "high" if push.urgent else "normal",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }
