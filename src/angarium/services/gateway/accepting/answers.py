"""The bodies of the 202s, written directly, for they are written at every acceptance.

What they mean is said by `NotificationAccepted` and `BulkAccepted`; tests hold the two together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from angarium.contracts.envelope import ErrorDetail, one
from angarium.contracts.errors import Detail, Rejected
from angarium.contracts.fields import rfc3339
from angarium.contracts.notifications import BulkRefusal, BulkResult
from angarium.contracts.statuses import delivery_status
from angarium.services.gateway.accepting.acceptance import Accepted, Verdict

PATH = "/api/v1/notifications"


def _around(message: str) -> tuple[bytes, bytes]:
    """The envelope before and after its data."""
    before, after = one(None, message).model_dump_json().encode().split(b"null", 1)
    return before, after


_ONE, _BULK = _around("Notification accepted"), _around("Notifications accepted")
_encode = msgspec.json.Encoder().encode


def accepted_answer(accepted: Accepted) -> bytes:
    """The body of the 202: `Envelope[NotificationAccepted]`."""
    notification_id = str(accepted.notification_id)
    data = {
        "notification_id": notification_id,
        "request_id": accepted.request_id,
        "status": accepted.status,
        "delivery_status": delivery_status(accepted.status),
        "status_url": f"{PATH}/{notification_id}",
        "correlation_id": accepted.correlation_id,
        "created_at": rfc3339(accepted.created_at),
    }
    return _encode(data).join(_ONE)


def bulk_answer(items: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdict]) -> bytes:
    """The body of a bulk's 202: `Envelope[BulkAccepted]`; a result shows only the names that it has."""
    results = [
        _accepted_result(index, verdict) if isinstance(verdict, Accepted) else _refused_result(index, item, verdict)
        for index, (item, verdict) in enumerate(zip(items, verdicts, strict=True))
    ]
    rejected = sum(isinstance(verdict, Rejected) for verdict in verdicts)
    data = {"accepted": len(results) - rejected, "rejected": rejected, "results": results}
    return _encode(data).join(_BULK)


def _accepted_result(index: int, accepted: Accepted) -> dict[str, Any]:
    return {
        "index": index,
        "request_id": accepted.request_id,
        "notification_id": str(accepted.notification_id),
        "status": accepted.status,
    }


def _refused_result(index: int, item: Mapping[str, Any], refusal: Rejected) -> dict[str, Any]:
    request_id = item.get("request_id")
    error = BulkRefusal(code=refusal.code, details=[_detail(detail) for detail in refusal.details])
    result = BulkResult(index=index, request_id=request_id if isinstance(request_id, str) else None, error=error)
    return result.model_dump(mode="json", exclude_none=True)


def _detail(detail: Detail) -> ErrorDetail:
    return ErrorDetail(field=detail.field, message=detail.message, line=detail.line, column=detail.column)
