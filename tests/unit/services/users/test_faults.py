"""The users service and who asks it while the database or Redis is away."""

import io
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory.contacts import RestContacts
from angarium.directory.port import DirectoryUnavailable
from angarium.platform.cache.port import Cache
from angarium.platform.cache.redis import RedisCache
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.logging import make_logger
from angarium.services.users.app import MIGRATIONS
from tests.support.clock import ManualClock
from tests.support.reached import Reached
from tests.support.servers import PostgreSQL, Redis
from tests.support.wait import until
from tests.unit.services.users.conftest import TOKEN, Users

pytestmark = pytest.mark.distributed
Build = Callable[[AsyncEngine, Cache], Users]


@pytest.fixture
async def engine(postgresql_url: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(postgresql_url)
    await upgrade(opened, MIGRATIONS)
    yield opened
    await opened.dispose()


@pytest.fixture
async def redis_cache(redis_url: str) -> AsyncIterator[RedisCache]:
    cache = RedisCache(redis_url, logger=make_logger("test", stream=io.StringIO(), format="json"), rest=0.1)
    yield cache
    await cache.close()


@pytest.fixture
async def users(engine: AsyncEngine, redis_cache: RedisCache, build: Build) -> AsyncIterator[Users]:
    users = build(engine, redis_cache)
    async with users.app.router.lifespan_context(users.app):
        yield users
    for client in users.clients:
        await client.aclose()
    await users.gateway.close()


@pytest.fixture
async def user_id(client: httpx2.AsyncClient) -> UUID:
    answer = await client.post("/users", json={"name": "A", "email": "canary@example.com"})
    return UUID(answer.json()["data"]["user_id"])


@pytest.fixture
async def rest(users: Users) -> AsyncIterator[ServiceClient]:
    transport = httpx2.ASGITransport(app=users.app)
    client = ServiceClient("http://users", service_token=TOKEN, name="users", transport=transport)
    yield client
    await client.close()


async def test_without_its_database_it_says_so_and_comes_back(
    client: httpx2.AsyncClient, users: Users, user_id: UUID, postgresql: PostgreSQL
) -> None:
    await postgresql.kill()
    for answer in (
        await client.get(f"/users/{user_id}"),
        await client.patch(f"/users/{user_id}", json={"email": "canary2@example.com"}),
        await client.post("/internal/v1/contacts", json={"user_ids": [str(user_id)]}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["dependencies"]["database"]) == (503, "down")
    assert (await client.get("/health")).status_code == 200
    await postgresql.start()

    async def served() -> bool:
        return (await client.get(f"/users/{user_id}")).status_code == 200

    await until(served, 30)
    assert "canary" not in users.log.getvalue()


async def test_the_cache_answers_without_the_database_and_without_both_the_look_up_fails(
    client: httpx2.AsyncClient, user_id: UUID, rest: ServiceClient, redis_cache: RedisCache, redis_server: Redis,
    postgresql: PostgreSQL,
) -> None:  # fmt: skip
    await client.patch(f"/users/{user_id}/preferences", json={"email": False})
    clock = ManualClock()
    contacts = RestContacts(rest, redis_cache, clock, versions=Reached())
    await postgresql.kill()
    for found in ((await contacts.current("default", [user_id]))[user_id], await contacts.known("default", user_id)):
        assert found is not None
        assert found.preferences.email is False
    await redis_server.kill()
    await clock.advance(10)
    started = time.monotonic()
    assert await contacts.current("default", [user_id]) == {}
    with pytest.raises(DirectoryUnavailable):
        await contacts.known("default", user_id)
    assert time.monotonic() - started < 5


async def test_a_redis_that_was_frozen_during_an_opt_out_soon_has_the_new_value(
    client: httpx2.AsyncClient, user_id: UUID, redis_cache: RedisCache, redis_server: Redis
) -> None:
    await redis_server.freeze()
    try:
        started = time.monotonic()
        answer = await client.patch(f"/users/{user_id}/preferences", json={"email": False})
        assert answer.status_code == 200
        assert time.monotonic() - started < 3
    finally:
        await redis_server.thaw()

    async def told() -> bool:
        kept = (await redis_cache.get_many([f"user:preferences:{user_id}"]))[0]
        return kept is not None and b'"email":false' in kept

    await until(told)


async def test_a_redis_flushed_between_the_opt_out_and_the_send_changes_nothing(
    client: httpx2.AsyncClient, user_id: UUID, rest: ServiceClient, redis_cache: RedisCache, redis_server: Redis
) -> None:
    await client.patch(f"/users/{user_id}/preferences", json={"email": False})
    await redis_server.flush()
    contacts = RestContacts(rest, redis_cache, ManualClock())
    found = (await contacts.current("default", [user_id]))[user_id]
    assert found is not None
    assert found.preferences.email is False

    async def copied_again() -> bool:
        kept = (await redis_cache.get_many([f"user:preferences:{user_id}"]))[0]
        return kept is not None and b'"email":false' in kept

    await until(copied_again)
