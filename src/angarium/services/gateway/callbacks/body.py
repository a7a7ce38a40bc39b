"""What a callback says."""

import msgspec

from angarium.contracts.fields import rfc3339
from angarium.services.gateway.callbacks.model import Callback


def body_of(callback: Callback) -> str:
    """The JSON of `callback`; the same for every attempt."""
    reason = None
    if callback.reason_code is not None:
        reason = {"code": callback.reason_code, "message": callback.reason_message or ""}
    content = {
        "type": callback.type,
        "notification_id": str(callback.notification_id),
        "request_id": callback.request_id,
        "status": str(callback.status),
        "timestamp": rfc3339(callback.occurred_at),
        "error": None if reason is None else reason["message"] or reason["code"],
        "reason": reason,
        "metadata": callback.metadata,
    }
    return msgspec.json.encode(content).decode()
