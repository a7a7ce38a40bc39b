"""Values of an acceptance: the request's origin, the deployment's rules, the result, and the bodies of the 202 answers.

A single acceptance also has a hand-written encoder; a test checks that both agree.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.accepted import BulkAccepted, BulkRefusal, BulkResult, NotificationAccepted
from angarium.contracts.envelope import ErrorDetail, one
from angarium.contracts.errors import Detail, Rejected
from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Channel, Status, delivery_status
from angarium.notifications.store.prior import Prior
from angarium.platform.auth.caller import Caller
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.services.gateway.accepting.callback_url import Network
from angarium.services.gateway.settings import GatewaySettings

FindPrior = Callable[[str, str, Sequence[str]], Awaitable[Mapping[str, Prior]]]
"""Finds earlier acceptances for (tenant, caller, request_ids), by request_id. Raises StoreUnavailable."""
PATH = "/api/v1/notifications"
_ONE_ACCEPTED = "Notification accepted"
_before, _after = one(None, _ONE_ACCEPTED).model_dump_json().encode().split(b"null", 1)
_AROUND = (_before, _after)
"""The envelope before and after its data."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class AcceptanceRules:
    """What a deployment allows. `outbox_lease`: how long the gateway may take to publish before the relay does.

    `callbacks`: whether there is a signing secret.
    """

    channels: frozenset[Channel]
    callback_allow: tuple[Network, ...] = ()
    callbacks: bool = True
    outbox_lease: timedelta = timedelta(seconds=10)


def acceptance_rules(settings: GatewaySettings) -> AcceptanceRules:
    """The rules in the settings."""
    callbacks = settings.callback_secret is not None or not settings.production
    enabled = frozenset(channel for channel in Channel if settings.providers(channel))
    return AcceptanceRules(channels=enabled, callback_allow=settings.callback_allow, callbacks=callbacks)


class Origin(msgspec.Struct, frozen=True):
    """The origin of a request."""

    caller: Caller
    correlation_id: str
    traceparent: str | None = None


def origin_of(caller: Caller) -> Origin:
    """The origin of the current request."""
    return Origin(caller, current_correlation_id() or "", current_traceparent())


class Accepted(msgspec.Struct, frozen=True):
    """The durable record. `replayed`: the request was accepted before, and this is its record."""

    notification_id: UUID
    request_id: str
    status: Status
    correlation_id: str
    created_at: datetime
    replayed: bool


Verdict = Accepted | Rejected
"""The result of one request."""


AnswerForm = Callable[[Accepted], bytes]


def answer_form(*, fast_paths: bool) -> AnswerForm:
    """The encoder of the 202: hand-written, or without `fast_paths` that of its model."""
    return quick_answer if fast_paths else accepted_answer


def quick_answer(accepted: Accepted) -> bytes:
    """As `accepted_answer`, with a hand-written encoder."""
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
    return _encode(data).join(_AROUND)


def accepted_answer(accepted: Accepted) -> bytes:
    """The body of the 202: `Envelope[NotificationAccepted]`."""
    data = NotificationAccepted(
        notification_id=accepted.notification_id,
        request_id=accepted.request_id,
        status=accepted.status,
        delivery_status=delivery_status(accepted.status),
        status_url=f"{PATH}/{accepted.notification_id}",
        correlation_id=accepted.correlation_id,
        created_at=accepted.created_at,
    )
    return one(data, _ONE_ACCEPTED).model_dump_json().encode()


def bulk_answer(items: Sequence[Any], verdicts: Sequence[Verdict]) -> bytes:
    """The body of a bulk request's 202: `Envelope[BulkAccepted]`; results omit absent fields.

    The message says so if nothing was accepted.
    """
    results = [_result(index, item, verdict) for index, (item, verdict) in enumerate(zip(items, verdicts, strict=True))]
    rejected = sum(isinstance(verdict, Rejected) for verdict in verdicts)
    data = BulkAccepted(accepted=len(results) - rejected, rejected=rejected, results=results)
    message = "No notification accepted" if rejected == len(results) else "Notifications accepted"
    return one(data.model_dump(mode="json", exclude_none=True), message).model_dump_json().encode()


def _result(index: int, item: Any, verdict: Verdict) -> BulkResult:
    if isinstance(verdict, Accepted):
        return BulkResult(
            index=index,
            request_id=verdict.request_id,
            notification_id=verdict.notification_id,
            status=verdict.status,
        )
    request_id = item.get("request_id") if isinstance(item, dict) else None
    error = BulkRefusal(code=verdict.code, details=[_detail(detail) for detail in verdict.details])
    return BulkResult(index=index, request_id=request_id if isinstance(request_id, str) else None, error=error)


def _detail(detail: Detail) -> ErrorDetail:
    return ErrorDetail(field=detail.field, message=detail.message, line=detail.line, column=detail.column)
