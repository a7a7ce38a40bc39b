"""Whatever fails in between, no send is decided on a state older than the last change that was answered."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from angarium.contracts.users import GONE, Preferences
from angarium.directory.contact_cache import LIFE, key
from angarium.directory.contacts import RestContacts
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.logging import make_logger
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.contacts.versions import ReachedVersions
from angarium.services.users.people.changes import ChangeUnconfirmed
from angarium.services.users.people.contact import contact_document
from angarium.services.users.people.model import Person
from angarium.services.users.people.store import UserStore
from tests.support.clock import ManualClock, settle
from tests.support.reached import Reached
from tests.support.runtime import a_runtime

USER = UUID(int=1)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
LOGGER = make_logger("test", stream=io.StringIO(), format="json")


def at_version(version: int, *, tenant: str = "default", user_id: UUID = USER) -> Person:
    """The user after so many changes; the name tells which state it is. Every second one is an opt-out."""
    return Person(
        user_id=user_id,
        tenant=tenant,
        name=f"version {version}",
        email="a@example.com",
        phone=None,
        password_hash=None,
        preferences=Preferences(email=version % 2 == 1),
        locale=None,
        timezone=None,
        metadata={},
        created_at=NOW,
        updated_at=NOW,
        version=version,
    )


class Database:
    """What the users database has: committed states of one user."""

    version = 1

    async def get_many(self, user_ids: Collection[UUID]) -> Mapping[UUID, Person]:
        await asyncio.sleep(0)
        return dict.fromkeys(user_ids, at_version(self.version))

    async def versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        await asyncio.sleep(0)
        return dict.fromkeys(user_ids, self.version)


class FaultyCache(MemoryCache):
    """`refuses` writes, or takes them and does not `answer`; each call takes a turn of the loop."""

    refuses = False
    answers = True

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        await asyncio.sleep(0)
        if self.refuses:
            return False
        await super().set_many(entries, ttl)
        await asyncio.sleep(0)
        return self.answers

    async def raw(self) -> bytes | None:
        return (await self.get_many([key(USER)]))[0]

    async def put(self, copy: bytes | None) -> None:
        if copy is None:
            await super().delete([key(USER)])
        else:
            await super().set_many({key(USER): copy}, LIFE)


class Gateway:
    """Keeps versions while it is up; a call that it took may stay unanswered."""

    def __init__(self, reached: Reached) -> None:
        self.up = True
        self.answers = True
        self._reached = reached
        self.calls: list[tuple[str, Mapping[str, int]]] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        if not self.up:
            raise httpx2.ConnectError("down")
        versions: Mapping[str, int] = json.loads(request.content)["versions"]
        self.calls.append((request.headers["x-angarium-tenant"], versions))
        for text, version in versions.items():
            user_id = UUID(text)
            self._reached.versions[user_id] = max(version, self._reached.versions.get(user_id, 0))
        await asyncio.sleep(0)
        return httpx2.Response(200 if self.answers else 503, json={})


async def _down(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("down")


def client_of(name: str, transport: httpx2.MockTransport) -> ServiceClient:
    return ServiceClient(f"http://{name}", service_token="t", name=name, transport=transport)


class World:
    """Users service, cache, gateway and a worker that cannot reach the users service."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.database = Database()
        self.cache = FaultyCache(self.clock)
        self.reached = Reached()
        self.gateway = Gateway(self.reached)
        self.answered = 1
        self._gateway_client = client_of("gateway", httpx2.MockTransport(self.gateway))
        self.users_client = client_of("users", httpx2.MockTransport(_down))
        self.snapshot: bytes | None = None
        self.start()

    def start(self) -> None:
        """A users service without a memory of what came before."""
        self.versions = ReachedVersions(self._gateway_client, LOGGER)
        store = cast("UserStore", self.database)  # it needs no more of it
        self.copies = ContactCopies(store, self.cache, a_runtime(clock=self.clock, logger=LOGGER), self.versions)

    @property
    def by_the_cache_alone(self) -> bool:
        """Whether the last answered change is nowhere but in the cache: then that must not go back, too."""
        return self.reached.versions.get(USER, 1) < self.answered

    async def change(self, turns: int | None, *, quietly: bool = True) -> None:
        """One change; the process is killed after `turns` turns of the loop, with None never."""
        self.database.version += 1
        version = self.database.version
        changing = asyncio.create_task(self.copies.changed([at_version(version)]))
        if turns is not None:
            await settle(turns)
        try:
            if turns is None or changing.done():
                await changing
                self.answered = max(self.answered, version)
        except ChangeUnconfirmed:
            if not quietly:
                raise
        finally:
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)
        if turns is not None:
            self.start()

    async def write_late(self, version: int) -> None:
        """A process that read the user at `version` fills the cache only now, and dies before it looks again."""
        if not self.by_the_cache_alone and not self.cache.refuses and version <= self.database.version:
            await self.cache.put(contact_document(at_version(version)))

    async def restore(self) -> None:
        """The cache goes back to the snapshot: a restart, or a failover to a replica that lags."""
        if not self.by_the_cache_alone:
            await self.cache.put(self.snapshot)

    async def check(self) -> None:
        """A worker never sees a contact older than the last change that was answered."""
        contacts = RestContacts(self.users_client, self.cache, self.clock, versions=self.reached)
        told = (await contacts.current("default", [USER])).get(USER)
        assert told is None or int(told.name.split()[1]) >= self.answered

    async def restart(self) -> None:
        self.start()

    async def set_cache(self, *, refuses: bool, answers: bool) -> None:
        self.cache.refuses, self.cache.answers = refuses, answers

    async def set_gateway(self, *, up: bool, answers: bool) -> None:
        self.gateway.up, self.gateway.answers = up, answers

    async def remember(self) -> None:
        self.snapshot = await self.cache.raw()

    async def close(self) -> None:
        await self._gateway_client.close()
        await self.users_client.close()


STEPS: Mapping[str, Callable[[World, int], Awaitable[None]]] = {
    "change": lambda world, _: world.change(None),
    "change, killed": lambda world, turns: world.change(turns),
    "cache refuses": lambda world, _: world.set_cache(refuses=True, answers=True),
    "cache does not answer": lambda world, _: world.set_cache(refuses=False, answers=False),
    "cache works": lambda world, _: world.set_cache(refuses=False, answers=True),
    "snapshot": lambda world, _: world.remember(),
    "restore": lambda world, _: world.restore(),
    "late write": lambda world, version: world.write_late(version),
    "gateway down": lambda world, _: world.set_gateway(up=False, answers=True),
    "gateway does not answer": lambda world, _: world.set_gateway(up=True, answers=False),
    "gateway works": lambda world, _: world.set_gateway(up=True, answers=True),
    "repair": lambda world, _: world.copies.mend(),
    "restart": lambda world, _: world.restart(),
}
Steps = Sequence[tuple[str, int]]


@example([("change", 0), ("cache refuses", 0), ("change", 0), ("restart", 0)])
@example([("change", 0), ("snapshot", 0), ("change", 0), ("restore", 0)])
@example([("change", 0), ("change", 0), ("late write", 2)])
@example([("change", 0), ("gateway down", 0), ("cache refuses", 0), ("change", 0)])
@example([("change", 0), ("gateway down", 0), ("change", 0), ("gateway works", 0), ("repair", 0), ("late write", 1)])
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(STEPS)), st.integers(1, 12)), max_size=25))
def test_no_send_is_decided_on_a_state_older_than_the_last_answered_change(steps: Steps) -> None:
    async def run() -> None:
        world = World()
        await world.copies.created(at_version(1))
        for name, number in steps:
            await STEPS[name](world, number)
            await world.check()
        await world.close()

    asyncio.run(run())


@pytest.mark.parametrize(("gateway", "cache"), [(True, True), (True, False), (False, True), (False, False)])
async def test_a_change_is_answered_once_the_gateway_or_the_cache_took_it(*, gateway: bool, cache: bool) -> None:
    world = World()
    await world.copies.created(at_version(1))
    await world.set_gateway(up=gateway, answers=True)
    await world.set_cache(refuses=not cache, answers=True)
    with nullcontext() if gateway or cache else pytest.raises(ChangeUnconfirmed):
        await world.change(None, quietly=False)
    await world.close()


async def test_no_copy_of_a_deleted_user_counts() -> None:
    world = World()
    await world.copies.created(at_version(1))
    world.cache.refuses = True
    await world.copies.forget("default", USER)
    await world.cache.put(contact_document(at_version(7)))
    contacts = RestContacts(world.users_client, world.cache, world.clock, versions=world.reached)
    assert await contacts.current("default", [USER]) == {}
    await world.close()


@pytest.fixture
def reached() -> Reached:
    return Reached()


@pytest.fixture
def gateway(reached: Reached) -> Gateway:
    return Gateway(reached)


@pytest.fixture
def versions(gateway: Gateway) -> ReachedVersions:
    return ReachedVersions(client_of("gateway", httpx2.MockTransport(gateway)), LOGGER)


async def test_changes_of_one_moment_share_a_call_for_each_tenant(versions: ReachedVersions, gateway: Gateway) -> None:
    first, *rest = [asyncio.create_task(versions.tell([("a", UUID(int=n), n)])) for n in range(1, 20)]
    rest.append(asyncio.create_task(versions.tell([("b", UUID(int=99), 9)])))
    assert all(await asyncio.gather(first, *rest))
    assert len(gateway.calls) <= 4
    told = {(tenant, UUID(text).int): version for tenant, call in gateway.calls for text, version in call.items()}
    assert told == {**{("a", n): n for n in range(1, 20)}, ("b", 99): 9}


async def test_only_the_highest_version_of_a_user_is_sent(versions: ReachedVersions, gateway: Gateway) -> None:
    assert await versions.tell([("a", USER, 3), ("a", USER, 5), ("a", USER, 4)])
    assert [call for _, call in gateway.calls] == [{str(USER): 5}]


async def test_refused_versions_are_sent_again_and_then_forgotten(
    versions: ReachedVersions, gateway: Gateway, reached: Reached
) -> None:
    gateway.up = False
    assert not await versions.tell([("a", USER, 3), ("b", UUID(int=2), GONE)])
    gateway.up = True
    assert await versions.tell([("a", USER, 2)])
    assert {version for _, _, version in versions.untold} == {3, GONE}
    await versions.retry()
    assert versions.untold == []
    assert reached.versions == {USER: 3, UUID(int=2): GONE}


async def test_no_versions_make_no_request(versions: ReachedVersions, gateway: Gateway) -> None:
    assert await versions.tell([])
    await versions.retry()
    assert gateway.calls == []


async def test_a_gateway_that_does_not_know_the_call_has_not_taken_it() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(404, json={}))
    versions = ReachedVersions(client_of("gateway", transport), LOGGER)
    assert not await versions.tell([("a", USER, 3)])
    assert versions.untold == [("a", USER, 3)]
