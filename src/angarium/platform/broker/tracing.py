"""The spans of publishes. Only a process with tracing has any of this."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from angarium.platform.broker.port import Broker, Consumer, Late, Outgoing, QueueStats, Topology
from angarium.platform.telemetry.correlation import TRACEPARENT_HEADER
from angarium.platform.telemetry.tracing import Kind, Span, Tracing, Value


class TracedBroker:
    """Implements `Broker`: a span for each message that carries a trace, from its publish until the broker's confirm.

    The message itself keeps the trace that it was made with: so the work that it leads to, once or several times, is
    below what made it, and not below one of its publishes. `system`: the broker, as `messaging.system` names it.
    """

    def __init__(self, broker: Broker, tracing: Tracing, *, system: str) -> None:
        self._broker = broker
        self._tracing = tracing
        self.system = system

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        spans = [self._begin(message) for message in messages]
        try:
            taken = await self._broker.publish(messages, late=late)
            for span, ok in zip(spans, taken, strict=True):
                if span is not None and not ok:
                    span.fail("unconfirmed")
        except BaseException as error:
            for span in spans:
                if span is not None:
                    span.fail(type(error).__name__)
            raise
        finally:
            for span in spans:
                if span is not None:
                    span.end()
        return taken

    def _begin(self, message: Outgoing) -> Span | None:
        parent = message.headers.get(TRACEPARENT_HEADER)
        if parent is None:
            return None
        attributes: dict[str, Value] = {
            "messaging.system": self.system,
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": f"{message.exchange}:{message.routing_key}",
            "messaging.rabbitmq.destination.routing_key": message.routing_key,
            "messaging.message.id": message.message_id,
            "messaging.message.body.size": len(message.body),
            **({} if message.delay is None else {"angarium.delay_seconds": message.delay.total_seconds()}),
        }
        return self._tracing.begin(f"publish {message.exchange}", Kind.CLIENT, parent=parent, attributes=attributes)

    async def declare(self, topology: Topology) -> None:
        await self._broker.declare(topology)

    def consume(self, queue: str, *, prefetch: int) -> AbstractAsyncContextManager[Consumer]:
        return self._broker.consume(queue, prefetch=prefetch)

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        return await self._broker.stats(queues)

    async def ready(self) -> bool:
        return await self._broker.ready()

    async def problem(self) -> str | None:
        return await self._broker.problem()

    async def close(self) -> None:
        await self._broker.close()
