"""A deletion is carried to the gateway, however long that is away."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory import contact_cache
from angarium.platform.database.engine import reading
from angarium.platform.http.client.client import ServiceClient
from angarium.services.users.erasures.schema import pending_erasures
from angarium.services.users.erasures.store import PendingErasures
from angarium.services.users.erasures.use_cases import SETTLED, Erasures
from tests.support.clock import ManualClock
from tests.unit.services.users.conftest import Users


class Gateway:
    """A gateway with scripted answers, which records the erasures it receives."""

    def __init__(self) -> None:
        self.status, self.sending, self.down = 200, 0, False
        self.done, self.age = True, 0.0
        self.told: list[tuple[str, bytes]] = []

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.down:
            message = "no route"
            raise httpx2.ConnectError(message)
        self.told.append((request.headers["x-angarium-tenant"], request.content))
        data = {"success": True, "message": "OK", "data": self._data(), "error": None}
        page = {"total": 1, "limit": 10, "page": 1, "total_pages": 1, "has_next": False, "has_previous": False}
        return httpx2.Response(self.status, json={**data, "meta": page})

    def _data(self) -> dict[str, object]:
        return {"sending": self.sending, "done": self.done, "age": self.age}


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def erasures(engine: AsyncEngine, users: Users, gateway: Gateway) -> AsyncIterator[Erasures]:
    transport = httpx2.MockTransport(gateway.answer)
    client = ServiceClient("http://gateway", service_token="t", name="gateway", transport=transport)
    clock = ManualClock(users.service.parts.runtime.clock.now())
    users.app.state.manual = clock
    runtime = replace(users.service.parts.runtime, clock=clock)
    yield Erasures(PendingErasures(engine), client, runtime, forget=users.service.copies.forget)
    await client.close()


@pytest.fixture
async def user_id(client: httpx2.AsyncClient, erasures: Erasures, users: Users) -> str:
    user_id: str = (await client.post("/users", json={"name": "A", "email": "a@example.com"})).json()["data"]["user_id"]
    assert (await client.delete(f"/users/{user_id}")).status_code == 200
    await users.app.state.manual.advance(60)
    return user_id


async def pending(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        return await connection.scalar(select(func.count()).select_from(pending_erasures)) or 0


async def test_a_copy_that_came_back_goes(erasures: Erasures, gateway: Gateway, users: Users, user_id: str) -> None:
    key = contact_cache.key(UUID(user_id))
    await users.cache.set_many({key: b"{}"}, timedelta(hours=1))
    gateway.down = True
    await erasures.erase_due()
    assert await users.cache.get_many([key]) == [None]


async def test_told_at_once_and_once_more_when_all_has_settled(
    erasures: Erasures, gateway: Gateway, engine: AsyncEngine, user_id: str, users: Users
) -> None:
    assert await erasures.erase_due() in {0, 1}
    assert gateway.told[0] == ("default", f'{{"user_id":"{user_id}"}}'.encode())
    await users.app.state.manual.advance(SETTLED.total_seconds())
    await erasures.erase_due()
    assert await pending(engine) == 0
    told = len(gateway.told)
    await erasures.erase_due()
    assert len(gateway.told) == told


async def test_it_ends_only_after_a_ring_that_was_taken(
    erasures: Erasures, engine: AsyncEngine, user_id: str, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listeners keep contacts for minutes: without the announcement they would go on accepting for the user."""
    announce = users.cache.announce

    async def refuse(topic: str, text: str) -> bool:
        return False

    monkeypatch.setattr(users.cache, "announce", refuse)
    for _ in range(3):
        assert await erasures.erase_due() == 0
        await users.app.state.manual.advance(2 * SETTLED.total_seconds())
    monkeypatch.setattr(users.cache, "announce", announce)
    assert await erasures.erase_due() == 0
    await users.app.state.manual.advance(SETTLED.total_seconds())
    assert await erasures.erase_due() == 1


@pytest.mark.parametrize("fault", ["down", "refusing", "sending"])
async def test_repeated_until_it_is_done(
    erasures: Erasures, gateway: Gateway, engine: AsyncEngine, user_id: str, users: Users, fault: str
) -> None:
    gateway.down, gateway.status = fault == "down", 503 if fault == "refusing" else 200
    gateway.sending = 1 if fault == "sending" else 0
    for _ in range(3):
        assert await erasures.erase_due() == 0
        assert await pending(engine) == 1
        await users.app.state.manual.advance(120)
    gateway.down, gateway.status, gateway.sending = False, 200, 0
    assert await erasures.erase_due() == 1
    assert await pending(engine) == 0
    assert user_id in gateway.told[-1][1].decode()


async def test_an_erasure_that_meets_a_fault_stops_no_other(
    erasures: Erasures,
    gateway: Gateway,
    engine: AsyncEngine,
    user_id: str,
    users: Users,
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = (await client.post("/users", json={"name": "B", "email": "b@example.com"})).json()["data"]["user_id"]
    assert (await client.delete(f"/users/{other}")).status_code == 200
    await users.app.state.manual.advance(SETTLED.total_seconds())
    forget = users.service.copies.forget

    async def faulty(tenant: str, user: UUID) -> bool:
        if str(user) == user_id:
            raise OverflowError
        return await forget(tenant, user)

    monkeypatch.setattr(erasures, "_forget", faulty)
    await erasures.erase_due()
    await users.app.state.manual.advance(SETTLED.total_seconds())
    await erasures.erase_due()
    assert other.encode() in b"".join(body for _, body in gateway.told)
    assert await pending(engine) == 1


async def test_a_long_erasure_is_asked_for_until_it_is_done(
    erasures: Erasures, gateway: Gateway, engine: AsyncEngine, user_id: str, users: Users
) -> None:
    gateway.status, gateway.done = 202, False
    for _ in range(3):
        await users.app.state.manual.advance(120)
        assert await erasures.erase_due() == 0
        assert await pending(engine) == 1
    gateway.status, gateway.done = 200, True
    await users.app.state.manual.advance(5)
    assert await erasures.erase_due() == 1
    assert user_id in gateway.told[-1][1].decode()


async def test_a_pass_that_began_before_all_had_settled_is_not_the_last(
    erasures: Erasures, gateway: Gateway, engine: AsyncEngine, user_id: str, users: Users
) -> None:
    await erasures.erase_due()
    await users.app.state.manual.advance(SETTLED.total_seconds())
    gateway.age = 3600.0
    assert user_id
    assert await erasures.erase_due() == 0
    assert await pending(engine) == 1
    gateway.age = 0.5
    await users.app.state.manual.advance(5)
    assert await erasures.erase_due() == 1
