from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.users import Contact, Preferences
from angarium.directory import contact_cache
from angarium.directory.contacts import RestContacts
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import SystemClock
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.http.client.client import ServiceClient
from angarium.services.users.contacts import copies
from tests.support.reached import Reached
from tests.support.wait import until
from tests.unit.services.users.conftest import TOKEN, Users

pytestmark = pytest.mark.slow


class ShakyCache(MemoryCache):
    """A cache that can be made to fail, and to run a step right before it stores an entry."""

    down = False
    before_set: Callable[[], Any] | None = None

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return [None] * len(keys) if self.down else await super().get_many(keys)

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        if self.before_set is not None:
            happen, self.before_set = self.before_set, None
            await happen()
        return not self.down and await super().set_many(entries, ttl)

    async def delete(self, keys: Sequence[str]) -> bool:
        return not self.down and await super().delete(keys)

    async def announce(self, topic: str, text: str) -> bool:
        return not self.down and await super().announce(topic, text)


@pytest.fixture
def cache() -> ShakyCache:
    return ShakyCache(SystemClock())


@pytest.fixture
async def users(
    engine: AsyncEngine,
    cache: ShakyCache,
    build: Callable[[AsyncEngine, Cache], Users],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Users]:
    monkeypatch.setattr(copies, "FILL_SECONDS", 0.05)
    users = build(engine, cache)
    async with users.app.router.lifespan_context(users.app):
        yield users
    for client in users.clients:
        await client.aclose()
    await users.gateway.close()


async def create(client: httpx2.AsyncClient, **changes: Any) -> str:
    body = {"name": "A", "email": f"{uuid4()}@example.com", **changes}
    user_id: str = (await client.post("/users", json=body)).json()["data"]["user_id"]
    return user_id


async def kept(cache: ShakyCache, user_id: str) -> Contact | None:
    return contact_cache.decode("default", (await cache.get_many([f"user:preferences:{user_id}"]))[0])


async def test_contacts_come_many_at_once_with_all_that_a_send_needs(client: httpx2.AsyncClient) -> None:
    wanted = [await create(client, push_token="t", preferences={"sms": False}, timezone="UTC") for _ in range(3)]
    answer = await client.post("/internal/v1/contacts", json={"user_ids": [*wanted, str(uuid4())]})
    assert answer.status_code == 200
    contacts = {contact["user_id"]: contact for contact in answer.json()["data"]["contacts"]}
    assert contacts.keys() == set(wanted)
    one = contacts[wanted[0]]
    assert [(device["platform"], device["token"]) for device in one["devices"]] == [("fcm", "t")]
    assert one["preferences"]["sms"] is False
    assert one["timezone"] == "UTC"
    assert "password" not in answer.text


async def test_contacts_of_another_tenant_are_none(client: httpx2.AsyncClient, users: Users) -> None:
    user_id = await create(client)
    answer = await users.client("elsewhere").post("/internal/v1/contacts", json={"user_ids": [user_id]})
    assert answer.json()["data"]["contacts"] == []


async def test_contacts_are_for_services(client: httpx2.AsyncClient) -> None:
    del client.headers["x-service-token"]
    answer = await client.post("/internal/v1/contacts", json={"user_ids": []})
    assert answer.status_code == 401


async def test_more_than_a_thousand_are_refused(client: httpx2.AsyncClient) -> None:
    thousand = [str(uuid4()) for _ in range(1000)]
    assert (await client.post("/internal/v1/contacts", json={"user_ids": thousand})).status_code == 200
    answer = await client.post("/internal/v1/contacts", json={"user_ids": [*thousand, str(uuid4())]})
    assert answer.status_code == 400


async def test_every_change_is_in_the_cache_before_it_is_answered(
    client: httpx2.AsyncClient, cache: ShakyCache
) -> None:
    announced: list[str] = []

    async def listener(text: str) -> None:
        announced.append(text)

    async with cache.listen("users", listener):
        user_id = await create(client)
        path = f"/users/{user_id}"
        found = await kept(cache, user_id)
        assert found is not None
        assert found.preferences == Preferences()
        await client.patch(f"{path}/preferences", json={"sms": False})
        found = await kept(cache, user_id)
        assert found is not None
        assert found.preferences.sms is False
        await client.post(f"{path}/devices", json={"platform": "fcm", "token": "t"})
        found = await kept(cache, user_id)
        assert found is not None
        assert len(found.devices) == 1
        await client.delete(path)
        assert await kept(cache, user_id) is None
    assert announced == [f"default:{user_id}"] * 4


async def test_asking_for_contacts_fills_the_cache(client: httpx2.AsyncClient, cache: ShakyCache) -> None:
    user_id = await create(client)
    await cache.delete([f"user:preferences:{user_id}"])
    await client.post("/internal/v1/contacts", json={"user_ids": [user_id]})
    await until(partial(kept, cache, user_id))


async def test_a_change_while_contacts_are_being_copied_wins(
    client: httpx2.AsyncClient, cache: ShakyCache, users: Users
) -> None:
    user_id = await create(client)
    await cache.delete([f"user:preferences:{user_id}"])

    async def opt_out() -> None:
        await client.patch(f"/users/{user_id}/preferences", json={"email": False})

    cache.before_set = opt_out
    await client.post("/internal/v1/contacts", json={"user_ids": [user_id]})

    await until(lambda: users.service.copies.unfilled == 0)
    assert cache.before_set is None
    found = await kept(cache, user_id)
    assert found is not None
    assert found.preferences.email is False


async def test_a_deletion_while_contacts_are_being_copied_wins(
    client: httpx2.AsyncClient, cache: ShakyCache, users: Users
) -> None:
    user_id = await create(client)
    await cache.delete([f"user:preferences:{user_id}"])

    async def delete() -> None:
        await client.delete(f"/users/{user_id}")

    cache.before_set = delete
    await client.post("/internal/v1/contacts", json={"user_ids": [user_id]})
    await until(lambda: users.service.copies.unfilled == 0)
    assert cache.before_set is None
    assert await kept(cache, user_id) is None


async def test_a_change_overtaken_by_another_leaves_the_later_one(
    client: httpx2.AsyncClient, cache: ShakyCache
) -> None:
    user_id = await create(client)

    async def again() -> None:
        await client.patch(f"/users/{user_id}", json={"name": "later"})

    cache.before_set = again
    await client.patch(f"/users/{user_id}", json={"name": "earlier"})
    found = await kept(cache, user_id)
    assert found is not None
    assert found.name == "later"


async def test_a_cache_that_comes_back_gets_what_it_missed(client: httpx2.AsyncClient, cache: ShakyCache) -> None:
    changed, deleted = await create(client), await create(client)
    cache.down = True
    assert (await client.patch(f"/users/{changed}/preferences", json={"sms": False})).status_code == 200
    assert (await client.delete(f"/users/{deleted}")).status_code == 200
    cache.down = False

    async def mended() -> bool:
        found = await kept(cache, changed)
        return found is not None and not found.preferences.sms and await kept(cache, deleted) is None

    assert not await mended()
    await until(mended)


async def test_a_failed_invalidation_is_later_announced_for_all_users(
    client: httpx2.AsyncClient, cache: ShakyCache
) -> None:
    announced: list[str] = []

    async def listener(text: str) -> None:
        announced.append(text)

    user_id = await create(client)
    async with cache.listen("users", listener):
        cache.down = True
        await client.patch(f"/users/{user_id}", json={"name": "B"})
        assert announced == []
        cache.down = False
        await until(lambda: announced == [""])


async def test_a_service_that_starts_rings_for_what_its_predecessor_may_have_left(
    engine: AsyncEngine, build: Callable[[AsyncEngine, Cache], Users]
) -> None:
    announced: list[str] = []

    async def listener(text: str) -> None:
        announced.append(text)

    cache = MemoryCache(SystemClock())
    async with cache.listen("users", listener):
        users = build(engine, cache)
        async with users.app.router.lifespan_context(users.app):
            await until(lambda: announced == [""])


async def test_with_the_cache_down_the_service_answers_and_is_ready(
    client: httpx2.AsyncClient, cache: ShakyCache
) -> None:
    cache.down = True
    user_id = await create(client)
    answer = await client.post("/internal/v1/contacts", json={"user_ids": [user_id]})
    assert len(answer.json()["data"]["contacts"]) == 1
    assert (await client.get("/ready")).status_code == 200


async def test_contacts_of_many_tenants_come_in_one_answer_and_of_no_other_tenant(client: httpx2.AsyncClient) -> None:
    mine = await create(client)
    query = {"of_tenants": {"default": [mine, str(uuid4())], "another": [mine]}}
    answer = await client.post("/internal/v1/contacts", json=query)
    assert [(c["user_id"], c["tenant"]) for c in answer.json()["data"]["contacts"]] == [(mine, "default")]
    query = {"of_tenants": {"another": [mine]}}
    assert (await client.post("/internal/v1/contacts", json=query)).json()["data"]["contacts"] == []


async def test_more_than_a_thousand_contacts_are_refused_over_all_tenants(client: httpx2.AsyncClient) -> None:
    query = {"of_tenants": {f"tenant-{n}": [str(uuid4()) for _ in range(501)] for n in range(2)}}
    assert (await client.post("/internal/v1/contacts", json=query)).status_code == 400


async def test_the_directory_sees_an_opt_out_at_once_and_through_an_outage(
    client: httpx2.AsyncClient, users: Users, cache: ShakyCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise DatabaseUnavailable

    user_id = UUID(await create(client))
    rest = ServiceClient(
        "http://users", service_token=TOKEN, name="users", transport=httpx2.ASGITransport(app=users.app)
    )
    contacts = RestContacts(rest, cache, SystemClock(), versions=Reached())
    async with contacts.listening():
        known = await contacts.known("default", user_id)
        assert known is not None
        assert known.preferences.email
        await client.patch(f"/users/{user_id}/preferences", json={"email": False})
        known = await contacts.known("default", user_id)
        assert known is not None
        assert not known.preferences.email
        monkeypatch.setattr(users.service.contacts, "find", broken)
        current = (await contacts.current("default", [user_id]))[user_id]
        assert current is not None
        assert not current.preferences.email
    await rest.close()
