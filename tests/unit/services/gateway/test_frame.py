"""What stands around the API: the sign-in form at `/`, the plain paths, the documentation."""

import asyncio

import pytest
from prometheus_client import Gauge

from angarium.contracts.errors import Transient
from angarium.notifications.queue_waits import QueueWaits
from angarium.notifications.store.waiting import WaitingWork
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.clock import SystemClock
from angarium.services.gateway.declaring import TopologyKeeper
from angarium.services.gateway.gauges import Gauges
from tests.support.wait import until
from tests.unit.services.gateway.conftest import World


async def test_the_first_page_needs_no_key_and_nothing_from_elsewhere(world: World) -> None:
    del world.client.headers["x-api-key"]
    answer = await world.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "//" not in answer.text.replace("<!doctype html>", "")
    assert 'href="/docs"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_ready_names_each_dependency(world: World) -> None:
    answer = await world.client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["dependencies"]) == {"database", "broker", "cache"}
    await world.broker.close()

    async def down() -> bool:
        return (await world.client.get("/ready")).status_code == 503

    await until(down)  # the result of the last probe is cached for a second
    told = (await world.client.get("/ready")).json()
    assert (told["status"], told["dependencies"]["broker"]) == ("not_ready", "down")
    assert told["reasons"]["broker"]


async def test_the_documentation_shows_the_bodies_of_the_direct_paths(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]
    send = paths["/api/v1/notifications"]["post"]
    assert send["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("NotificationRequest")
    assert "202" in send["responses"]
    bulk = paths["/api/v1/notifications/bulk"]["post"]
    assert bulk["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("BulkRequest")
    assert "/internal/v1/verify" not in paths


async def test_the_topology_is_declared_as_soon_as_the_broker_is_there(world: World) -> None:
    broker = MemoryBroker(SystemClock())
    keeper = TopologyKeeper(broker=broker, topology=build_topology(retry_delays=()), logger=world.logger)
    assert not await broker.ready()
    await keeper.once()
    assert await broker.ready()
    await broker.close()
    with pytest.raises(Transient):
        await keeper.once()


async def test_gauges_show_queues_outbox_and_letters(world: World) -> None:
    await world.send()
    await world.gateway.drain()
    gauges = Gauges(
        store=world.store,
        count_letters=world.count_letters,
        oldest_work=WaitingWork(world.engine).oldest,
        broker=world.broker,
        runtime=world.gateway.parts.runtime,
        waits=QueueWaits(SystemClock()),
    )
    await gauges.once()
    age = world.metrics.queue_oldest_age_seconds
    assert 0 < value_of(age.labels("email.queue")) < 60
    assert value_of(age.labels("sms.queue")) == 0
    text = world.metrics.render().decode()
    assert 'angarium_queue_messages{queue="email.queue"} 1.0' in text
    assert 'angarium_queue_consumers{queue="email.queue"} 0.0' in text
    async with world.broker.consume("email.queue", prefetch=1):
        await gauges.once()
        assert 'angarium_queue_consumers{queue="email.queue"} 1.0' in world.metrics.render().decode()
    assert "angarium_outbox_pending 0.0" in text
    assert "angarium_dead_letters 0.0" in text


def value_of(gauge: Gauge) -> float:
    [[sample]] = [metric.samples for metric in gauge.collect()]
    return sample.value


@pytest.mark.parametrize("count", [20])
async def test_drain_waits_for_what_was_taken_in(world: World, count: int) -> None:
    await asyncio.gather(*(world.send(request_id=f"r-{n}") for n in range(count)))
    await world.gateway.drain()
    assert await world.store.outbox_pending() == 0
