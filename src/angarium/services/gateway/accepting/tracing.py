"""Spans of acceptances, used only with tracing."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from angarium.notifications.model import Acceptance, NewNotification
from angarium.platform.telemetry.tracing import Kind, Span, Tracing, Value

Commit = Callable[[Sequence[NewNotification]], Awaitable[Sequence[Acceptance]]]


async def committed(tracing: Tracing, records: Sequence[NewNotification], commit: Commit) -> Sequence[Acceptance]:
    """`commit(records)`, with a span for each record until it is durable.

    That span is the trace that the record stores: the parent of every publish, attempt and callback.
    """
    spans = [_begin(tracing, record) for record in records]
    traced = [replace(record, traceparent=span.traceparent) for record, span in zip(records, spans, strict=True)]
    try:
        acceptances = await commit(traced)
        for span, acceptance in zip(spans, acceptances, strict=True):
            span.set("angarium.notification_id", str(acceptance.notification_id))
            span.set("angarium.outcome", str(acceptance.outcome))
    except BaseException as error:
        for span in spans:
            span.fail(type(error).__name__)
        raise
    finally:
        for span in spans:
            span.end()
    return acceptances


def _begin(tracing: Tracing, record: NewNotification) -> Span:
    attributes: dict[str, Value] = {
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "angarium.channel": str(record.channel),
        "angarium.template_code": record.template_code,
        "angarium.tenant": record.tenant,
        "angarium.priority": record.priority,
    }
    return tracing.begin(f"create {record.channel}", Kind.PRODUCER, parent=record.traceparent, attributes=attributes)
