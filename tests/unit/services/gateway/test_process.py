"""The gateway's process, composed from settings alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.auth.caller import Caller
from angarium.platform.database.engine import open_engine
from angarium.platform.loop import run_loop
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.process import Running, Seeding, start_gateway
from angarium.services.gateway.settings import GatewaySettings
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime
from tests.support.wait import until

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    return GatewaySettings.load(data_dir=tmp_path, mailbox_smtp_port=0, auth="on", api_key=None, env="development")


@pytest.fixture
async def running(settings: GatewaySettings) -> AsyncIterator[Running]:
    engine = open_engine(settings.notifications_database_url)
    await upgraded(engine, MIGRATIONS)
    await engine.dispose()
    async with AsyncExitStack() as stack:
        yield await start_gateway(settings, a_runtime(), stack)


def client(running: Running) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=running.gateway.app), base_url="http://gateway")


async def test_it_becomes_ready_and_its_key_works(running: Running) -> None:
    async with client(running) as asking:

        async def ready() -> bool:
            return (await asking.get("/ready")).status_code == 200

        async def known() -> bool:
            headers = {"x-api-key": running.api_key or ""}
            return (await asking.get("/api/v1/notifications", headers=headers)).status_code == 200

        await until(ready, timeout=10)
        await until(known, timeout=10)


async def test_the_mailbox_is_mounted(running: Running) -> None:
    async with client(running) as asking:
        assert 'href="/mailbox"' in (await asking.get("/")).text
        assert (await asking.get("/api/v1/mailbox/messages")).status_code == 401


async def test_the_key_is_the_same_after_a_restart(running: Running, settings: GatewaySettings) -> None:
    async with AsyncExitStack() as stack:
        again = await start_gateway(settings, a_runtime(), stack)
        assert again.api_key == running.api_key
        assert again.api_key is not None


async def test_seeding_rests_once_it_is_done(running: Running) -> None:
    keys, ring = running.gateway.keys, running.gateway.ring

    async def good(key: str | None) -> bool:
        ring.forget()
        return key is not None and await ring.caller(key) is not None

    await until(lambda: good(running.api_key), timeout=10)
    runtime = a_runtime()
    seeding = Seeding(running.gateway, "ang_live_second")
    task = asyncio.create_task(run_loop(seeding, clock=runtime.clock, logger=runtime.logger))
    await until(lambda: good("ang_live_second"), timeout=10)
    listed, _ = await keys.page("default", limit=10, page=1)
    [living] = [key for key in listed if key.revoked_at is None]
    await keys.revoke(Actor(Caller("default", "test", frozenset()), None, None), living.key_id)
    assert not await good("ang_live_second")
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_a_schema_it_is_not_ready_and_says_so(settings: GatewaySettings) -> None:
    async with AsyncExitStack() as stack:
        started = await start_gateway(settings, a_runtime(), stack)
        async with client(started) as asking:
            answer = await asking.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["dependencies"]["database"] == "down"
