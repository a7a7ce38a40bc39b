"""Spans of deliveries, used only with tracing.

The parent of an attempt is the trace stored in the record, so the attempts of a notification are siblings.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from angarium.contracts.statuses import Channel
from angarium.delivery.claiming import Claiming
from angarium.delivery.held import Held
from angarium.delivery.outcome import Sent, outcome_word
from angarium.delivery.provider import Permit
from angarium.delivery.results import Attempt
from angarium.delivery.sending import Sending
from angarium.delivery.work import Asked, Sorted, Step
from angarium.notifications.model import Claimed, Result, Verdict
from angarium.platform.broker.port import Consumer, Delivery
from angarium.platform.telemetry.correlation import TRACEPARENT_HEADER, bind_correlation
from angarium.platform.telemetry.redaction import scrub
from angarium.platform.telemetry.tracing import Kind, Span, Tracing, Value, spanned

_MOST_LINKS = 128
"""Maximum links per span, the limit of the SDK."""
_CODE = re.compile(r"\d{3}\b")


class AttemptSpan:
    """The span of a notification's processing in a worker."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def resulted(self, result: Result) -> None:
        """Record the result: its status and the code of its reason."""
        self._span.set("angarium.status", str(result.status))
        if result.reason is not None:
            self._span.set("angarium.reason", result.reason.code)
        if result.dead_letter is not None:
            self._span.fail("dead_lettered")


class DeliveryTracing:
    """Creates the spans of one channel's engine. `system`: the broker's name in `messaging.system`."""

    def __init__(self, tracing: Tracing, channel: Channel, *, system: str) -> None:
        self.tracing = tracing
        self._channel = channel
        self._system = system

    @contextmanager
    def attempt(self, held: Held) -> Iterator[AttemptSpan]:
        """A context for the work on one claimed notification, with its correlation id and trace."""
        claimed, queue = held.claimed, held.carrier.deliveries[0].queue
        attributes: dict[str, Value] = {
            **self._messaging("process", queue),
            "messaging.message.id": str(claimed.id),
            "messaging.message.conversation_id": scrub(claimed.correlation_id),
            "angarium.notification_id": str(claimed.id),
            "angarium.attempt": claimed.attempt,
            "angarium.template_code": claimed.template_code,
            "angarium.tenant": claimed.tenant,
        }
        parent = claimed.traceparent
        with (
            bind_correlation(claimed.correlation_id, parent),
            spanned(self.tracing, f"process {queue}", Kind.CONSUMER, attributes, parent=parent) as span,
        ):
            yield AttemptSpan(span)

    @contextmanager
    def batch(self, name: str, kind: Kind, queue: str, parents: Sequence[str | None]) -> Iterator[None]:
        """A span of the work on a batch: a child of its only notification, or linked to each of them."""
        traces = list(dict.fromkeys(trace for trace in parents if trace is not None))
        attributes = {**self._messaging(name, queue), "messaging.batch.message_count": len(parents)}
        parent = traces[0] if len(traces) == 1 else None
        links = traces[:_MOST_LINKS] if parent is None else ()
        with spanned(self.tracing, f"{name} {queue}", kind, attributes, parent=parent, links=links):
            yield

    def _messaging(self, operation: str, queue: str) -> dict[str, Value]:
        return {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation if operation in {"receive", "process"} else "process",
            "messaging.destination.name": queue,
            "angarium.channel": str(self._channel),
        }


def working_on(held: Held, tracing: DeliveryTracing | None) -> AbstractContextManager[AttemptSpan | None]:
    """A context for the work on one claimed notification: its correlation id and trace, and a span with tracing."""
    if tracing is None:
        return bind_correlation(held.claimed.correlation_id, held.claimed.traceparent)
    return tracing.attempt(held)


class TracedClaiming(Claiming):
    """Adds spans to the claim and the preparation of a batch, including their calls to other services."""

    def __init__(self, *, tracing: DeliveryTracing, **parts: Any) -> None:
        super().__init__(**parts)
        self._tracing = tracing
        self._queue = str(parts["channel"])

    async def claim(
        self, deliveries: Sequence[Delivery], consumer: Consumer
    ) -> tuple[Sorted, Sequence[Verdict], Asked]:
        parents = [delivery.headers.get(TRACEPARENT_HEADER) for delivery in deliveries]
        with self._tracing.batch("receive", Kind.CLIENT, deliveries[0].queue, parents):
            return await super().claim(deliveries, consumer)

    async def prepare(self, claimed: Sequence[Claimed], ahead: Asked) -> Sequence[Step]:
        if not claimed:
            return await super().prepare(claimed, ahead)
        parents = [claim.traceparent for claim in claimed]
        with self._tracing.batch("prepare", Kind.INTERNAL, self._queue, parents):
            return await super().prepare(claimed, ahead)


class TracedSending(Sending):
    """Adds a span to each attempt, a child of the notification's span."""

    def __init__(self, *, tracing: DeliveryTracing, **parts: Any) -> None:
        super().__init__(**parts)
        self._spans = tracing.tracing

    async def _tried(self, name: str, permit: Permit) -> Attempt:
        with spanned(self._spans, f"send {name}", Kind.CLIENT, {"angarium.provider": name}) as span:
            attempt = await super()._tried(name, permit)
            word = outcome_word(attempt.outcome)
            span.set("angarium.outcome", word)
            # Only a status code of the answer: the rest is the provider's text and may contain anything.
            if code := _CODE.match(attempt.outcome.answer):
                span.set("angarium.answer_code", code[0])
            if not isinstance(attempt.outcome, Sent):
                span.fail(word)
            return attempt
