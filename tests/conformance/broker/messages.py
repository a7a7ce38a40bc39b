"""Messages of the broker's tests, and ways to collect them."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta

from angarium.platform.broker.port import Broker, Consumer, Delivery, Outgoing
from tests.support.wait import until

_NUMBERS = itertools.count()


def outgoing(  # a message with what a test doesn't care about filled in
    routing_key: str = "email",
    body: bytes = b"{}",
    *,
    exchange: str = "work",
    message_id: str | None = None,
    delay: timedelta | None = None,
    mandatory: bool = True,
) -> Outgoing:
    name = message_id or f"m-{next(_NUMBERS)}"
    return Outgoing(exchange, routing_key, body, name, {"x-correlation-id": f"c-{name}"}, delay, mandatory)


def numbered(count: int, routing_key: str = "email") -> list[Outgoing]:
    return [outgoing(routing_key, str(number).encode()) for number in range(count)]


async def collect(consumer: Consumer, count: int, *, limit: int = 500, seconds: float = 15) -> list[Delivery]:
    """The next `count` deliveries, acknowledged as they come, so that no prefetch stops them."""
    collected: list[Delivery] = []
    async with asyncio.timeout(seconds):
        while len(collected) < count:
            some = await consumer.receive(min(limit, count - len(collected)))
            await consumer.ack(some)
            collected.extend(some)
    return collected


async def take(consumer: Consumer, count: int, *, seconds: float = 15) -> list[Delivery]:
    """The next `count` deliveries, unacknowledged."""
    taken: list[Delivery] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            taken.extend(await consumer.receive(count - len(taken)))
    return taken


async def nothing_comes(consumer: Consumer, *, seconds: float = 0.3) -> bool:
    """Whether `receive` goes on waiting."""
    receiving = asyncio.ensure_future(consumer.receive(1))
    done, _ = await asyncio.wait({receiving}, timeout=seconds)
    receiving.cancel()
    return not done


async def until_ready(broker: Broker, queue: str, count: int) -> None:
    """Return once `count` messages wait in `queue`."""

    async def there() -> bool:
        return (await broker.stats([queue]))[0].messages == count

    await until(there, message=f"{queue} holds {count}")


def bodies(deliveries: Sequence[Delivery]) -> list[int]:
    return [int(delivery.body) for delivery in deliveries]
