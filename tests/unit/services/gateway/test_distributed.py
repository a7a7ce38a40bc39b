"""The gateway over real PostgreSQL and RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from angarium.contracts.messages import work_queue
from angarium.contracts.statuses import Channel
from angarium.platform.broker.opening import open_broker
from angarium.platform.lifecycle import Background
from angarium.platform.telemetry.logging import make_logger
from tests.support.runtime import a_runtime
from tests.support.servers import PostgreSQL, RabbitMQ
from tests.support.wait import until
from tests.unit.services.gateway.conftest import PATH, World, build_world
from tests.unit.services.gateway.dead_letters.test_dead_letters import LETTERS, janitor, letters, queued
from tests.unit.services.gateway.failing import fail

pytestmark = pytest.mark.distributed


@pytest.fixture
async def world(postgresql_url: str, rabbitmq_url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        broker = open_broker(rabbitmq_url, a_runtime(logger=make_logger("gateway", level="error")), stack)
        stack.push_async_callback(broker.close)
        yield await build_world(stack, postgresql_url, broker, frozenset(Channel))


async def pending(world: World) -> int:
    return await world.store.outbox_pending()


async def test_202s_flow_while_the_broker_is_down_and_are_published_when_it_is_back(
    world: World, rabbitmq: RabbitMQ
) -> None:
    await rabbitmq.stop()
    async with Background(world.gateway.parts.runtime) as background:
        world.gateway.start(background)
        answers = await asyncio.gather(*(world.send(request_id=f"r-{n}") for n in range(100)))
        assert {answer.status_code for answer in answers} == {202}
        down = await world.client.get("/ready")
        assert (down.status_code, down.json()["dependencies"]["broker"]) == (503, "down")
        await rabbitmq.start()

        async def ready() -> bool:
            return (await world.client.get("/ready")).status_code == 200

        async def drained() -> bool:
            return await pending(world) == 0

        await until(ready, timeout=30)
        await until(drained, timeout=30)
        [stats] = await world.broker.stats([work_queue(Channel.EMAIL)])
        assert stats.messages >= 100


async def test_fifty_at_once_are_one_notification(world: World) -> None:
    await world.broker.declare(world.gateway.parts.topology)
    answers = await asyncio.gather(*(world.send() for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["data"]["notification_id"] for answer in answers}) == 1
    assert (await world.client.get(PATH)).json()["meta"]["total"] == 1


async def test_a_database_that_goes_away_is_a_503_and_comes_back(world: World, postgresql: PostgreSQL) -> None:
    await world.broker.declare(world.gateway.parts.topology)
    assert (await world.send(request_id="before")).status_code == 202
    await world.gateway.drain()
    await postgresql.kill()
    refused = await world.send(request_id="during")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    await postgresql.start()

    async def accepted() -> bool:
        return (await world.send(request_id="after")).status_code == 202

    await until(accepted, timeout=30)
    assert (await world.client.get(f"{PATH}?request_id=before")).json()["meta"]["total"] == 1


async def test_the_janitor_tidies_a_real_queue(world: World) -> None:
    await world.broker.declare(world.gateway.parts.topology)
    for number in range(4):
        await fail(world, f"e-{number}")
    for letter in (await letters(world))[:2]:
        assert (await world.client.post(f"{LETTERS}/{letter['id']}/replay")).status_code == 200

    async def all_queued() -> bool:
        return await queued(world) == 4

    await until(all_queued, timeout=10)
    assert await janitor(world).tidy() == 2

    async def two_left() -> bool:
        return await queued(world) == 2

    await until(two_left, timeout=10)
