import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest

from angarium.contracts.users import Contact, ContactAnswer, Preferences
from angarium.directory import contact_cache
from angarium.directory.contacts import RestContacts
from angarium.directory.port import DirectoryUnavailable
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Hears, Listener
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock, settle
from tests.support.reached import Reached

HOUR = timedelta(hours=1)


def contact(user_id: UUID, name: str = "John") -> Contact:
    return Contact(
        user_id=user_id,
        name=name,
        email="john@example.com",
        phone=None,
        devices=[],
        locale="en",
        timezone=None,
        preferences=Preferences(sms=False),
    )


def stored(tenant: str, contact: Contact) -> contact_cache.StoredContact:
    return msgspec.json.decode(contact_cache.encode(tenant, contact, 1), type=contact_cache.StoredContact)


class UsersService:
    """The contacts endpoint, scripted."""

    def __init__(self) -> None:
        self.people: dict[tuple[str, UUID], Contact] = {}
        self.calls: list[tuple[str, list[UUID]]] = []
        self.status = 200
        self.broken = False
        self.old = False
        """Whether it knows no calls for many tenants."""
        self.gate = asyncio.Event()
        self.gate.set()

    def add(self, tenant: str = "default", name: str = "John") -> UUID:
        user_id = uuid4()
        self.people[tenant, user_id] = contact(user_id, name)
        return user_id

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        query = json.loads(request.content)
        if "of_tenants" in query and self.old:
            return httpx2.Response(400, content=b"{}")
        of_tenants = query.get("of_tenants") or {request.headers["x-angarium-tenant"]: query["user_ids"]}
        people = [(tenant, UUID(value)) for tenant, ids in of_tenants.items() for value in ids]
        self.calls.append((",".join(of_tenants), [user_id for _, user_id in people]))
        found = [stored(tenant, self.people[tenant, id_]) for tenant, id_ in people if (tenant, id_) in self.people]
        await self.gate.wait()
        if self.broken:
            message = "no route"
            raise httpx2.ConnectError(message)
        return httpx2.Response(self.status, content=msgspec.json.encode({"data": ContactAnswer(found)}))

    @property
    def batches(self) -> Sequence[int]:
        return [len(wanted) for _, wanted in self.calls]


class FaintCache(MemoryCache):
    """A cache whose rings can be lost."""

    lost = False

    @asynccontextmanager
    async def listen(self, topic: str, listener: Listener) -> AsyncIterator[Hears]:
        async with super().listen(topic, listener) as hears:
            yield lambda: hears() and not self.lost


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service() -> UsersService:
    return UsersService()


@pytest.fixture
def cache(clock: ManualClock) -> FaintCache:
    return FaintCache(clock)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def reached() -> Reached:
    return Reached()


@pytest.fixture
async def contacts(
    service: UsersService, cache: MemoryCache, clock: ManualClock, reached: Reached, metrics: Metrics
) -> AsyncIterator[RestContacts]:
    transport = httpx2.MockTransport(service.answer)
    client = ServiceClient("http://users", service_token="t", name="users", transport=transport, clock=clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        contacts = RestContacts(client, cache, clock, versions=reached, metrics=metrics)
        await stack.enter_async_context(contacts.listening())
        yield contacts


async def test_those_who_are_wanted_at_the_same_moment_are_asked_for_in_one_call(
    contacts: RestContacts, service: UsersService
) -> None:
    wanted = [service.add() for _ in range(100)]
    found = await asyncio.gather(*(contacts.known("default", user_id) for user_id in wanted * 3))
    assert [person.user_id for person in found if person] == wanted * 3
    assert service.batches == [100]


@pytest.mark.parametrize(("lost", "life"), [(False, 600.0), (True, 2.0)])
async def test_a_known_user_is_not_asked_for_again_until_its_life_is_over(
    contacts: RestContacts, service: UsersService, cache: FaintCache, clock: ManualClock, *, lost: bool, life: float
) -> None:
    cache.lost = lost
    user_id = service.add()
    await contacts.known("default", user_id)
    await clock.advance(life - 0.1)
    await contacts.known("default", user_id)
    assert len(service.calls) == 1
    await clock.advance(0.1)
    await contacts.known("default", user_id)
    assert len(service.calls) == 2


async def test_nothing_older_than_two_seconds_is_kept_from_when_changes_are_no_longer_heard(
    contacts: RestContacts, service: UsersService, cache: FaintCache, clock: ManualClock
) -> None:
    user_id = service.add(name="old")
    await contacts.known("default", user_id)
    await clock.advance(2)
    assert contacts.kept("default", user_id) is not None
    cache.lost = True
    assert contacts.kept("default", user_id) is None
    service.people["default", user_id] = contact(user_id, "new")
    found = await contacts.known("default", user_id)
    assert found is not None
    assert found.name == "new"


async def test_who_does_not_listen_keeps_for_two_seconds(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, clock: ManualClock
) -> None:
    deaf = RestContacts(contacts._client, cache, clock)
    user_id = service.add()
    await deaf.known("default", user_id)
    await clock.advance(1.9)
    assert deaf.kept("default", user_id) is not None
    await clock.advance(0.1)
    assert deaf.kept("default", user_id) is None


async def test_what_is_kept_is_what_is_known_until_a_change_is_announced(
    contacts: RestContacts, service: UsersService, cache: MemoryCache
) -> None:
    user_id = service.add()
    assert contacts.kept("default", user_id) is None
    known = await contacts.known("default", user_id)
    assert contacts.kept("default", user_id) == known
    assert contacts.kept("other", user_id) is None
    await cache.announce("users", f"default:{user_id}")
    assert contacts.kept("default", user_id) is None
    assert len(service.calls) == 1


async def test_hits_and_misses_are_counted_once_each(
    contacts: RestContacts, service: UsersService, metrics: Metrics
) -> None:
    user_id = service.add()
    assert contacts.kept("default", user_id) is None
    for _ in range(2):
        await contacts.known("default", user_id)
    contacts.kept("default", user_id)
    counted = metrics.render().decode()
    assert 'angarium_cache_requests_total{cache="contacts",result="hit"} 2.0' in counted
    assert 'angarium_cache_requests_total{cache="contacts",result="miss"} 1.0' in counted


async def test_someone_who_is_not_there_is_asked_for_each_time(contacts: RestContacts, service: UsersService) -> None:
    user_id = uuid4()
    assert await contacts.known("default", user_id) is None
    service.people["default", user_id] = contact(user_id)
    assert await contacts.known("default", user_id) is not None


async def test_tenants_do_not_see_each_other(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, clock: ManualClock
) -> None:
    user_id = service.add("a")
    mine, theirs = await asyncio.gather(contacts.known("a", user_id), contacts.known("b", user_id))
    assert mine is not None
    assert theirs is None
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("a", mine)}, HOUR)
    service.broken = True
    await clock.advance(30)
    assert await contacts.known("a", user_id) == mine
    with pytest.raises(DirectoryUnavailable):
        await contacts.known("b", user_id)


@pytest.mark.parametrize("whole", [False, True])
async def test_a_change_that_is_announced_is_seen_at_once(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, *, whole: bool
) -> None:
    user_id = service.add(name="old")
    await contacts.known("default", user_id)
    service.people["default", user_id] = contact(user_id, "new")
    await cache.announce("users", "" if whole else f"default:{user_id}")
    found = await contacts.known("default", user_id)
    assert found is not None
    assert found.name == "new"


async def test_an_answer_that_was_under_way_when_the_change_was_announced_is_not_kept(
    contacts: RestContacts, service: UsersService, cache: MemoryCache
) -> None:
    user_id = service.add(name="old")
    service.gate.clear()
    early = asyncio.ensure_future(contacts.known("default", user_id))
    await settle(100)
    assert len(service.calls) == 1
    service.people["default", user_id] = contact(user_id, "new")
    await cache.announce("users", f"default:{user_id}")
    service.gate.set()
    await early
    found = await contacts.known("default", user_id)
    assert found is not None
    assert found.name == "new"


async def test_current_asks_the_service_each_time_in_one_call_and_gives_those_who_exist(
    contacts: RestContacts, service: UsersService
) -> None:
    wanted = [service.add() for _ in range(10)]
    for _ in range(2):
        stranger = uuid4()
        found = await contacts.current("default", [*wanted, *wanted, stranger])
        assert {user_id for user_id, contact in found.items() if contact is not None} == set(wanted)
        assert found[stranger] is None
    assert service.batches == [11, 11]


async def test_current_asks_for_more_than_a_thousand_in_pieces(contacts: RestContacts, service: UsersService) -> None:
    wanted = [service.add() for _ in range(1500)]
    assert (await contacts.current("default", wanted)).keys() == set(wanted)
    assert service.batches == [1000, 500]


@pytest.mark.fault(58)
async def test_users_of_many_tenants_are_asked_for_in_one_call(contacts: RestContacts, service: UsersService) -> None:
    people = [(f"tenant-{n}", service.add(f"tenant-{n}")) for n in range(112)]
    stranger = people[0][1]
    wanted = {tenant: [user_id] for tenant, user_id in people} | {"another": [stranger]}
    told = dict(await contacts.current_of(wanted))
    assert service.batches == [113]
    assert told.pop(("another", stranger)) is None, "a user of another tenant"
    assert told == {person: service.people[person] for person in people}


async def test_a_thousand_users_at_most_share_a_call(contacts: RestContacts, service: UsersService) -> None:
    wanted = {f"tenant-{n}": [service.add(f"tenant-{n}") for _ in range(300)] for n in range(5)}
    told = dict(await contacts.current_of(wanted))
    assert service.batches == [1000, 500]
    assert len(told) == 1500
    assert None not in told.values()


async def test_acceptances_of_many_tenants_share_a_call(contacts: RestContacts, service: UsersService) -> None:
    people = [(f"tenant-{n}", service.add(f"tenant-{n}")) for n in range(20)]
    service.gate.clear()
    asked = [asyncio.ensure_future(contacts.known(*person)) for person in people]
    await settle(50)
    service.gate.set()
    assert await asyncio.gather(*asked) == [service.people[person] for person in people]
    assert len(service.calls) <= 5


async def test_a_service_of_an_older_version_is_asked_for_each_tenant(
    contacts: RestContacts, service: UsersService
) -> None:
    service.old = True
    people = [(f"tenant-{n}", service.add(f"tenant-{n}")) for n in range(5)]
    told = await contacts.current_of({tenant: [user_id] for tenant, user_id in people})
    assert told == {person: service.people[person] for person in people}
    assert service.batches == [1] * 5


async def test_for_many_tenants_too_the_cache_speaks_while_the_service_is_down(
    contacts: RestContacts, service: UsersService, cache: MemoryCache
) -> None:
    people = [(f"tenant-{n}", service.add(f"tenant-{n}")) for n in range(5)]
    service.broken = True
    kept = {contact_cache.key(id_): contact_cache.encode(tenant, contact(id_), 1) for tenant, id_ in people[:2]}
    await cache.set_many(kept, HOUR)
    told = await contacts.current_of({tenant: [user_id] for tenant, user_id in people})
    assert told == {(tenant, id_): contact(id_) for tenant, id_ in people[:2]}
    assert len(service.calls) == 1


async def test_a_look_up_of_no_users_makes_no_request(contacts: RestContacts, service: UsersService) -> None:
    assert await contacts.current("default", []) == {}
    assert service.calls == []


@pytest.mark.parametrize("status", [500, 503, 403, 404])
async def test_a_service_that_cannot_answer_is_spoken_for_by_the_cache(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, status: int
) -> None:
    user_id = service.add()
    service.status = status
    assert await contacts.current("default", [user_id]) == {}
    kept = contact(user_id, "kept")
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("default", kept, 1)}, HOUR)
    assert await contacts.current("default", [user_id]) == {user_id: kept}
    assert await contacts.known("default", user_id) == kept


async def test_a_user_that_cannot_be_looked_up_does_not_delay_others(
    contacts: RestContacts, service: UsersService, cache: MemoryCache
) -> None:
    first, second = service.add(), service.add()
    await cache.set_many({contact_cache.key(first): contact_cache.encode("default", contact(first), 1)}, HOUR)
    service.broken = True
    assert await contacts.current("default", [first, second]) == {first: contact(first)}
    results = await asyncio.gather(
        contacts.known("default", first), contacts.known("default", second), return_exceptions=True
    )
    assert results[0] == contact(first)
    assert isinstance(results[1], DirectoryUnavailable)


async def test_a_service_that_failed_is_not_called_for_a_second(
    contacts: RestContacts, service: UsersService, clock: ManualClock
) -> None:
    user_id = service.add()
    service.broken = True
    for _ in range(5):
        assert await contacts.current("default", [user_id]) == {}
    assert len(service.calls) == 1
    service.broken = False
    await clock.advance(1)
    assert (await contacts.current("default", [user_id])).keys() == {user_id}


@pytest.mark.parametrize(("version", "counts"), [(2, False), (3, True), (4, True)])
async def test_for_a_send_a_copy_counts_unless_it_is_older_than_the_last_answered_change(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, reached: Reached, version: int, *, counts: bool
) -> None:
    user_id = service.add()
    service.broken = True
    kept = contact(user_id, "kept")
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("default", kept, version)}, HOUR)
    reached.versions[user_id] = 3
    assert await contacts.current("default", [user_id]) == ({user_id: kept} if counts else {})
    assert await contacts.known("default", user_id) == kept


async def test_a_copy_without_a_version_does_not_count_for_a_send(
    contacts: RestContacts, service: UsersService, cache: MemoryCache
) -> None:
    user_id = service.add()
    service.broken = True
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("default", contact(user_id))}, HOUR)
    assert await contacts.current("default", [user_id]) == {}


async def test_cached_copies_are_not_used_while_the_reached_version_is_unknown(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, clock: ManualClock, reached: Reached
) -> None:
    user_id = service.add()
    service.broken = True
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("default", contact(user_id), 9)}, HOUR)
    reached.away = True
    assert await contacts.current("default", [user_id]) == {}
    without = RestContacts(contacts._client, cache, clock)
    assert await without.current("default", [user_id]) == {}


async def test_while_the_service_answers_nothing_else_is_asked(
    contacts: RestContacts, service: UsersService, reached: Reached, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "get_many", None)
    user_id = service.add()
    assert (await contacts.current("default", [user_id])).keys() == {user_id}
    assert reached.asked == 0


@pytest.mark.parametrize("kept", [b"", b"{", b'{"tenant":"default"}', b"\xff"])
async def test_a_copy_that_cannot_be_read_says_nothing(
    contacts: RestContacts, service: UsersService, cache: MemoryCache, kept: bytes
) -> None:
    user_id = service.add()
    service.broken = True
    await cache.set_many({contact_cache.key(user_id): kept}, HOUR)
    assert await contacts.current("default", [user_id]) == {}


async def test_an_invalid_answer_counts_as_an_unavailable_service(service: UsersService, clock: ManualClock) -> None:
    async def nonsense(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=b"<html>")

    client = ServiceClient("http://users", service_token="t", name="users", transport=httpx2.MockTransport(nonsense))
    assert await RestContacts(client, MemoryCache(clock), clock).current("default", [uuid4()]) == {}
    await client.close()


def test_a_copy_survives_the_way_through_the_cache() -> None:
    kept = contact(uuid4())
    assert contact_cache.decode("t", contact_cache.encode("t", kept)) == kept
    assert contact_cache.decode("other", contact_cache.encode("t", kept)) is None


def test_an_announcement_names_the_tenant_whatever_its_name() -> None:
    user_id = uuid4()
    assert contact_cache.announced(contact_cache.announcement("a:b", user_id)) == ("a:b", user_id)
    assert contact_cache.announced("") is None
    assert contact_cache.announced("default:nonsense") is None
