"""The bodies of callbacks."""

from typing import Any

import msgspec

from angarium.contracts.fields import rfc3339
from angarium.services.gateway.callbacks.model import Callback

_CAMEL_CASE = "#angarium-camel-case"
"""Fragment that marks the stored URL of a callback with camelCase names. A fragment is never sent (RFC 9110 §7.1)."""

_TWINS = {"notification_id": "notificationId", "request_id": "requestId", "user_id": "userId", "error": "errorMessage"}


def for_camel_case(url: str) -> str:
    """Mark `url` for a caller that uses camelCase, whose callbacks also contain those names."""
    return url.partition("#")[0] + _CAMEL_CASE


def body_of(callback: Callback) -> str:
    """The JSON of `callback`, the same for every attempt. `user_id` is the notification's user, None without one."""
    reason = None
    if callback.reason_code is not None:
        reason = {"code": callback.reason_code, "message": callback.reason_message or ""}
    content: dict[str, Any] = {
        "type": callback.type,
        "notification_id": str(callback.notification_id),
        "request_id": callback.request_id,
        "user_id": callback.user_id,
        "status": str(callback.status),
        "timestamp": rfc3339(callback.occurred_at),
        "error": None if reason is None else reason["message"] or reason["code"],
        "reason": reason,
        "metadata": callback.metadata,
    }
    if callback.url.endswith(_CAMEL_CASE):
        content |= {twin: content[name] for name, twin in _TWINS.items()}
    return msgspec.json.encode(content).decode()
