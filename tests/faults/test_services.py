"""Temporary failures of the gateway, the users service and the templates service."""

import asyncio

import pytest
from redis.asyncio import Redis

from tests.faults.load import Load
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed


@pytest.mark.fault(1)
async def test_notifications_that_a_killed_gateway_did_not_publish_are_published_after_its_restart(
    system: DistributedSystem, volume: int
) -> None:
    load = await Load.prepare(system)
    await system.rabbitmq.freeze()
    await load.send_bulk(volume)
    await system.kill("gateway")
    await system.rabbitmq.thaw()
    assert len(system.sink.notifications().keys() & load.ledger.accepted) == 0
    await system.start("gateway")
    await load.all_sent(within=40)
    await load.judge()


@pytest.mark.long
@pytest.mark.fault(1)
async def test_a_gateway_killed_during_a_burst_loses_nothing(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    stop = asyncio.Event()
    senders = [asyncio.create_task(load.insist(stop, pause=0)) for _ in range(16)]
    await until(lambda: len(load.ledger.accepted) > 300)
    await system.kill("gateway")
    before = len(load.ledger.accepted)
    await system.start("gateway")
    await until(lambda: len(load.ledger.accepted) > before + 300)
    stop.set()
    await asyncio.gather(*senders)
    await load.all_sent(within=40)
    await load.judge()


@pytest.mark.fault(7)
async def test_a_gateway_loses_nothing_on_sigterm(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    stop = asyncio.Event()
    senders = [asyncio.create_task(load.insist(stop, pause=0)) for _ in range(16)]
    await until(lambda: len(load.ledger.accepted) > 300)
    await system.stop("gateway")
    await system.start("gateway")
    stop.set()
    await asyncio.gather(*senders)
    await load.all_sent(within=40)
    await load.judge()


async def test_without_the_users_service_cached_users_are_accepted_and_unknown_ones_get_a_503(
    system: DistributedSystem,
) -> None:
    address = new_email()
    template = await system.create_template()
    user, stranger = await system.create_user(email=address), await system.create_user()
    body = {"template_code": template["code"], "variables": {"name": "Ada"}}
    await system.deliver(user_id=user["user_id"], **body)
    async with Redis.from_url(system.redis.url) as redis:
        await until(lambda: redis.exists(f"user:preferences:{user['user_id']}"), 10)
        await redis.delete(f"user:preferences:{stranger['user_id']}")
    await system.kill("users")
    await system.deliver(user_id=user["user_id"], **body)
    before = await system.count()
    refused = await system.submit(user_id=stranger["user_id"], **body)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["code"] == "service_unavailable"
    assert await system.count() == before
    direct = await system.client.get(f"/api/v1/users/{user['user_id']}")
    assert direct.status_code == 503
    await system.start("users")
    await until(lambda: _is_accepted(system, stranger["user_id"], template["code"]), 10)
    assert len(system.sink.to(address)) == 2


async def _is_accepted(system: DistributedSystem, user_id: str, code: str) -> bool:
    answer = await system.submit(user_id=user_id, template_code=code, variables={"name": "Ada"})
    return answer.status_code == 202


@pytest.mark.long
@pytest.mark.fault(47)
async def test_a_send_with_unknown_preferences_waits_without_using_an_attempt(system: DistributedSystem) -> None:
    address = new_email()
    user, template = await system.create_user(email=address), await system.create_template()
    body = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
    await system.stop("email")
    accepted = await system.send(**body)
    await system.kill("users")
    await system.redis.flush()
    await system.start("email")

    async def was_claimed() -> bool:
        return "claimed" in {event["event"] for event in await system.events(accepted["notification_id"])}

    await until(was_claimed, 20)
    found = await system.wait_for(accepted["notification_id"], "pending")
    assert found["attempts"] == 0
    assert system.sink.tries(address) == []
    await system.start("users")
    found = await system.wait_for(accepted["notification_id"], "sent", within=30)
    assert found["attempts"] == 1
    assert len(system.sink.to(address)) == 1


@pytest.mark.long
async def test_without_the_templates_service_cached_templates_are_accepted_and_unknown_ones_get_a_503(
    system: DistributedSystem,
) -> None:
    known, unknown = await system.create_template(), await system.create_template()
    body = {"recipient": {"email": new_email()}, "variables": {"name": "Ada"}}
    await system.deliver(template_code=known["code"], **body)
    await system.kill("templates")
    await system.deliver(template_code=known["code"], **body)
    refused = await system.submit(template_code=unknown["code"], **body)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    await system.start("templates")

    async def served() -> bool:
        return (await system.submit(template_code=unknown["code"], **body)).status_code == 202

    await until(served, 10)
