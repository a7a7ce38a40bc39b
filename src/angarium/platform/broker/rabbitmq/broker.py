"""The broker port on RabbitMQ, from 3.10 to 4.x."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from aiormq import Connection

from angarium.contracts.errors import SettingsError
from angarium.platform.broker.port import BrokerUnavailable, Late, Outgoing, QueueStats, Topology
from angarium.platform.broker.rabbitmq.connection import Link, parse_nodes
from angarium.platform.broker.rabbitmq.consume import RabbitMQConsumer
from angarium.platform.broker.rabbitmq.publish import Publisher
from angarium.platform.broker.rabbitmq.topology import declare_topology, queue_stats
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

# The broker must notify the consumers of a deleted queue before it is declared again: within 20 ms (observed on 3.10)
# they are not notified, and the new queue delivers messages to consumers that never receive them.
_HEAL_AFTER_SECONDS = 1.0


class RabbitMQBroker:
    """RabbitMQ over two connections: one for publishing, the other for everything else.

    A broker short of memory or disk stops reading from publishing connections (https://www.rabbitmq.com/docs/alarms);
    acknowledgements must still get through.

    `url`: `amqp(s)://…`, nodes separated by commas. The first `declare` or `consume` connects. Lost connections are
    always re-established, and the last topology is declared again on each. A consumer that receives nothing for
    `idle_check` checks whether its queue has messages, and if so subscribes again.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        logger: Logger,
        publish_timeout: timedelta = timedelta(seconds=10),
        idle_check: timedelta = timedelta(seconds=15),
    ) -> None:
        nodes = parse_nodes(url)
        self._clock = clock
        self._logger = logger
        self._idle_check = idle_check
        self._link = Link(nodes, name="angarium", clock=clock, logger=logger, prepare=self._prepare)
        self._publishing = Link(nodes, name="angarium publish", clock=clock, logger=logger)
        self._publisher = Publisher(
            self._publishing, clock=clock, logger=logger, timeout=publish_timeout, misrouted=self._heal_soon
        )
        self._topology: Topology | None = None
        self._declared: tuple[Connection, Topology] | None = None
        self._declaring = asyncio.Lock()
        self._healing: asyncio.Task[None] | None = None
        self._consumers: list[RabbitMQConsumer] = []
        self._closed = False

    async def declare(self, topology: Topology) -> None:
        self._topology = topology
        self._publishing.keep()
        connection = await self._link.connect()
        if self._declared != (connection, topology):
            await self._declare(connection, topology)
        await self._publishing.connect()

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        if self._topology is None:
            raise BrokerUnavailable("no topology was declared yet")
        return await self._publisher.publish(messages, self._topology, late)

    @asynccontextmanager
    async def consume(self, queue: str, *, prefetch: int) -> AsyncGenerator[RabbitMQConsumer]:
        self._link.keep()
        consumer = RabbitMQConsumer(
            self._link,
            queue,
            prefetch=prefetch,
            clock=self._clock,
            logger=self._logger,
            idle_check=self._idle_check,
            heal=self._heal,
        )
        self._consumers.append(consumer)
        try:
            yield consumer
        finally:
            self._consumers.remove(consumer)
            await consumer.close()

    async def stats(self, queues: Sequence[str]) -> Sequence[QueueStats]:
        if (connection := self._link.current) is None:
            raise BrokerUnavailable("not connected")
        found = await queue_stats(connection, queues)
        if None in found:
            self._heal_soon()  # a missing one is declared again
        return [stats or QueueStats(queue, 0, 0) for queue, stats in zip(queues, found, strict=True)]

    async def ready(self) -> bool:
        connection = self._link.current
        declared = connection is not None and self._declared == (connection, self._topology)
        return declared and self._publishing.current is not None

    async def problem(self) -> str | None:
        if self._link.current is None or (publishing := self._publishing.current) is None:
            return "it does not answer"
        if self._topology is None or not await self.ready():
            return "no topology is declared"
        if publishing.blocked is None and await self._publisher.probe(self._topology):
            return None
        if publishing.blocked is not None:  # the broker reports it in the answer to a publish
            return f"publishing is blocked: {publishing.blocked}"
        return "it does not take what is published"

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(consumer.close() for consumer in self._consumers))
        if self._healing is not None:
            self._healing.cancel()
            await asyncio.gather(self._healing, return_exceptions=True)
        await asyncio.gather(self._publishing.close(), self._link.close())

    async def _prepare(self, connection: Connection) -> None:
        if self._topology is not None:
            await self._declare(connection, self._topology)

    async def _declare(self, connection: Connection, topology: Topology) -> None:
        async with self._declaring:
            await declare_topology(connection, topology)
            self._declared = (connection, topology)

    def _heal_soon(self) -> None:
        if not self._closed and (self._healing is None or self._healing.done()):
            self._healing = asyncio.create_task(self._heal())

    async def _heal(self) -> None:
        """Declare the topology again after a second, in case a part of it was deleted. Never raises."""
        await self._clock.sleep(_HEAL_AFTER_SECONDS)
        connection, topology = self._link.current, self._topology
        if connection is not None and topology is not None:
            try:
                await self._declare(connection, topology)
                self._logger.warning("broker.topology_declared_again")
            except (BrokerUnavailable, SettingsError) as error:
                self._logger.error("broker.topology_failed", error=str(error))  # noqa: TRY400 - the message says it all
