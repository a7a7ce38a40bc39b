"""The topology on RabbitMQ: quorum queues with at-least-once dead lettering; the same arguments for 3.10 and 4.x.

Sources: https://www.rabbitmq.com/docs/quorum-queues (at-least-once dead lettering needs a quorum queue and
`x-overflow=reject-publish`; since 4.0 a message is dropped after 20 deliveries unless the queue says otherwise).
A message whose delay ends while its queue is full or missing stays in the delay queue. RabbitMQ tries it again after
`dead_letter_worker_publisher_confirm_timeout` (default: 3 minutes).
"""

from collections.abc import Awaitable, Iterator, Sequence
from datetime import timedelta

from aiormq import Channel, ChannelNotFoundEntity, ChannelPreconditionFailed, Connection
from pamqp.common import FieldValue

from angarium.platform.broker.port import Queue, QueueStats, Topology, TopologyConflict, milliseconds
from angarium.platform.broker.rabbitmq.connection import answer, close_channel, open_channel

# The record counts redeliveries; the broker must never drop a message because of them.
_DELIVERY_LIMIT = 1_000_000

Arguments = dict[str, FieldValue]


async def declare_topology(connection: Connection, topology: Topology) -> None:
    """Create what is missing; existing objects stay unchanged. Raises BrokerUnavailable, TopologyConflict."""
    channel = await open_channel(connection)
    try:
        for what, step in _steps(channel, topology):
            await _declare(what, step)
    finally:
        await close_channel(channel)


async def queue_stats(connection: Connection, queues: Sequence[str]) -> Sequence[QueueStats | None]:
    """The queues' sizes, None for one that does not exist. Raises BrokerUnavailable.

    Uses one channel, since opening one costs the broker more than a reply; a missing queue closes it.
    """
    found: list[QueueStats | None] = []
    while len(found) < len(queues):
        channel = await open_channel(connection)
        try:
            while len(found) < len(queues):
                found.append(await _queue_stats(channel, queues[len(found)]))
        except ChannelNotFoundEntity:
            found.append(None)
        finally:
            await close_channel(channel)
    return found


async def _queue_stats(channel: Channel, queue: str) -> QueueStats:
    found = await answer(channel.queue_declare(queue, passive=True), passing=(ChannelNotFoundEntity,))
    return QueueStats(queue, found.message_count or 0, found.consumer_count or 0)


async def _declare(what: str, step: Awaitable[object]) -> None:
    try:
        await answer(step, passing=(ChannelPreconditionFailed,))
    except ChannelPreconditionFailed as error:
        raise TopologyConflict(
            f"{what} exists with other arguments than configured; restore the setting or delete it: {error}"
        ) from error


def _steps(channel: Channel, topology: Topology) -> Iterator[tuple[str, Awaitable[object]]]:
    """The declarations in order, each with a readable name."""
    for exchange in topology.direct_exchanges:
        yield f"exchange {exchange}", channel.exchange_declare(exchange, exchange_type="direct", durable=True)
    for exchange in topology.topic_exchanges:
        yield f"exchange {exchange}", channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    for queue in topology.queues:
        arguments = _queue_arguments(queue, topology)
        yield f"queue {queue.name}", channel.queue_declare(queue.name, durable=True, arguments=arguments)
        for binding in queue.bindings:
            yield f"queue {queue.name}", channel.queue_bind(queue.name, binding.exchange, binding.routing_key)
    for delay in topology.delays:
        yield from _delay_steps(channel, delay, topology)


def _delay_steps(channel: Channel, delay: timedelta, topology: Topology) -> Iterator[tuple[str, Awaitable[object]]]:
    exchange = topology.delay_exchange.format(ms=milliseconds(delay))
    queue = topology.delay_queue.format(ms=milliseconds(delay))
    arguments = _quorum() | _expiring(delay, topology)
    yield f"exchange {exchange}", channel.exchange_declare(exchange, exchange_type="fanout", durable=True)
    yield f"queue {queue}", channel.queue_declare(queue, durable=True, arguments=arguments)
    yield f"queue {queue}", channel.queue_bind(queue, exchange)


def _queue_arguments(queue: Queue, topology: Topology) -> Arguments:
    arguments = _quorum()
    if queue.max_length is not None:
        arguments["x-max-length"] = queue.max_length
    if queue.ttl is not None:
        arguments |= _expiring(queue.ttl, topology) | {"x-dead-letter-routing-key": topology.dead_letter_key}
    return arguments


def _quorum() -> Arguments:
    return {"x-queue-type": "quorum", "x-delivery-limit": _DELIVERY_LIMIT, "x-overflow": "reject-publish"}


def _expiring(after: timedelta, topology: Topology) -> Arguments:
    """No dead-letter routing key is set, so an expired message keeps its own key and thus its lane."""
    return {
        "x-message-ttl": milliseconds(after),
        "x-dead-letter-exchange": topology.direct_exchanges[0],
        "x-dead-letter-strategy": "at-least-once",
    }
