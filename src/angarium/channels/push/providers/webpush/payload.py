"""What a browser's service worker gets, and the headers for its push service (RFC 8030).

The JSON has the names that `ServiceWorkerRegistration.showNotification` takes, so that a worker hands it on.
"""

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from angarium.channels.push.message import PushMessage

LONGEST_TTL = 28 * 86400
"""Seconds: what the large push services hold a message for, at most."""
_TOPIC_BYTES = 24


def payload_of(push: PushMessage) -> bytes:
    """The JSON to encrypt. Raises ValueError for text that is not Unicode."""
    payload = {"title": push.title or "", "body": push.body, "tag": push.key, "data": dict(push.data)}
    if push.image is not None:
        payload["image"] = push.image
    return msgspec.json.encode(payload)


def headers_of(push: PushMessage) -> Mapping[str, str]:
    """All headers but the authorization. `Topic` makes a message that is sent again replace itself (RFC 8030 §5.4)."""
    topic = base64.urlsafe_b64encode(hashlib.sha256(push.key.encode()).digest()[:_TOPIC_BYTES]).decode()
    return {
        "ttl": str(LONGEST_TTL if push.ttl is None else min(push.ttl, LONGEST_TTL)),
        "topic": topic,
        "urgency": "normal",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }
