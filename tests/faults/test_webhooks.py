"""A webhook worker is killed while it sends, and endpoints hang."""

import asyncio
import json
from collections import Counter

import pytest

from angarium.delivery.hosts import share_of_a_host
from tests.faults.conftest import CONCURRENCY
from tests.support.endpoint import endpoint
from tests.support.system import DistributedSystem
from tests.support.system_verbs import Json, new_name
from tests.support.wait import until

pytestmark = pytest.mark.distributed


async def _code(system: DistributedSystem) -> str:
    template = await system.create_template(channel="webhook", subject=None, content=None, text="Hello")
    return str(template["code"])


def _bodies(code: str, url: str, count: int) -> list[Json]:
    return [
        {
            "notification_type": "webhook",
            "recipient": {"webhook": url},
            "template_code": code,
            "request_id": new_name("hook"),
        }
        for _ in range(count)
    ]


@pytest.mark.long
@pytest.mark.fault(4)
async def test_every_webhook_arrives_although_the_worker_is_killed_while_sending(system: DistributedSystem) -> None:
    async def slow() -> None:
        await asyncio.sleep(0.1)

    code = await _code(system)
    async with endpoint(before=slow) as hook, endpoint(host="127.0.0.2", before=slow) as another:
        urls = [hook.url(), another.url(host="127.0.0.2")]
        accepted = [await system.send_many(_bodies(code, url, 60)) for url in urls]
        wanted = {notification_id for ids in accepted for notification_id in ids}
        await until(lambda: len(hook.received) + len(another.received) >= 20, 30)
        await system.kill("webhook")
        await system.restart("webhook")
        await until(lambda: _sent(system, code, len(wanted)), 90)
        received = Counter(one.headers["webhook-id"] for one in [*hook.received, *another.received])
        assert set(received) == wanted
        assert sum(received.values()) <= len(wanted) + CONCURRENCY
        assert all(json.loads(one.body)["notification_id"] in wanted for one in hook.received)


async def _sent(system: DistributedSystem, code: str, count: int) -> bool:
    return await system.count(template_code=code, status="sent") == count


async def test_a_hanging_host_does_not_delay_others(system: DistributedSystem) -> None:
    code, other = await _code(system), await _code(system)
    async with endpoint(before=asyncio.Event().wait) as hung, endpoint(host="127.0.0.2") as good:
        stuck = await system.send_many(_bodies(code, hung.url(), 4 * CONCURRENCY))
        await until(lambda: len(hung.received) >= share_of_a_host(CONCURRENCY), 20)
        started = asyncio.get_running_loop().time()
        await system.send_many(_bodies(other, good.url(host="127.0.0.2"), 50))
        await until(lambda: _sent(system, other, 50), 30)
        assert asyncio.get_running_loop().time() - started < 8, "an attempt at the hanging host takes 10 s"
        assert len(hung.received) <= share_of_a_host(CONCURRENCY)
        assert await system.count(template_code=code, status="sent") == 0
        untried = [one for one in stuck if (await system.status(one))["attempts"] == 0]
        assert len(untried) >= len(stuck) - 2 * CONCURRENCY
        for one in stuck:
            await system.client.post(f"/api/v1/notifications/{one}/cancel")
