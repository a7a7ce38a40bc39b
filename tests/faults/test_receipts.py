"""The gateway is killed while providers post receipts: every receipt answered with a 200 is applied."""

import asyncio
import os
import random
from collections import Counter
from functools import partial

import httpx2
import pytest

from tests.support import provider_events
from tests.support.provider_events import AUTH_TOKEN
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_name, new_phone
from tests.support.wait import until

pytestmark = pytest.mark.distributed
KILLS = int(os.environ.get("RECEIPT_KILLS", "3"))
"""`RECEIPT_KILLS=100` for a long run."""
SETTINGS = {"SMS_PROVIDERS": f"twilio://AC0123456789:{AUTH_TOKEN}@+15005550006", "WEBHOOK_TOKEN": "token"}
POSTERS, EACH = 8, 60
"""The number of concurrent requests, and of receipts posted before each kill."""


class Provider:
    """Posts the receipt of each notification until it is answered with a 200, as providers do."""

    def __init__(self, url: str, ids: list[str]) -> None:
        self._url = url
        self._new = list(ids)
        self.allowed = asyncio.Semaphore(0)
        """Has one permit for each receipt that may be posted for the first time."""
        self.answered: set[str] = set()
        self.lost = 0

    async def post(self) -> None:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                await self.allowed.acquire()
                if not self._new:
                    return
                notification_id = self._new.pop()
                while not await self._once(client, notification_id):
                    self.lost += 1
                self.answered.add(notification_id)

    async def _once(self, client: httpx2.AsyncClient, notification_id: str) -> bool:
        url = f"{self._url}/webhooks/twilio/token?notification_id={notification_id}"
        fields = {"MessageSid": f"SM{notification_id}", "MessageStatus": "delivered", "To": "+14155550123"}
        headers, body = provider_events.twilio(url, fields)
        try:
            return (await client.post(url, content=body, headers=dict(headers))).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            await asyncio.sleep(0.05)  # the gateway does not listen yet
            return False


@pytest.mark.timeout(120 + 40 * KILLS)
async def test_no_receipt_is_lost_although_the_gateway_is_killed_repeatedly(system: DistributedSystem) -> None:
    template = await system.create_template(channel="sms", subject=None, content="Hello")
    bodies = [
        {
            "notification_type": "sms",
            "recipient": {"phone": new_phone()},
            "template_code": template["code"],
            "request_id": new_name("receipt"),
        }
        for _ in range(EACH * KILLS)
    ]
    ids = [one for start in range(0, len(bodies), 500) for one in await system.send_many(bodies[start : start + 500])]
    await until(lambda: _count(system, template["code"], "sent", len(ids)), 60)
    gateway = system.copy("gateway", SETTINGS)
    await system.start(gateway)
    provider = Provider(system.address(gateway), ids)
    posting = [asyncio.create_task(provider.post()) for _ in range(POSTERS)]
    chance = random.Random(1)  # noqa: S311 - the same times in every run
    for number in range(KILLS):
        _allow(provider, EACH)
        await until(partial(_has_posted, provider, EACH * number + EACH // 3), 60, interval=chance.uniform(0.001, 0.02))
        await system.kill(gateway)
        await system.restart(gateway)
    _allow(provider, len(ids) + POSTERS)
    await asyncio.gather(*posting)
    assert provider.answered == set(ids)
    assert provider.lost > 0, "no kill interrupted a request"
    await until(lambda: _count(system, template["code"], "delivered", len(ids)), 60)
    for notification_id in chance.sample(ids, 30):
        events = Counter(event["event"] for event in await system.events(notification_id))
        assert events["delivered"] == 1


def _allow(provider: Provider, count: int) -> None:
    for _ in range(count):
        provider.allowed.release()


def _has_posted(provider: Provider, goal: int) -> bool:
    return len(provider.answered) >= goal


async def _count(system: DistributedSystem, code: str, status: str, count: int) -> bool:
    return await system.count(template_code=code, status=status) == count
