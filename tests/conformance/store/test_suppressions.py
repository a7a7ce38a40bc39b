"""The suppression list: who is on it, for what reason, how it ends, and what outlives an erasure."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.store.paging import Paging
from angarium.notifications.suppressions.look_up import EngineLookUp, LookUp, open_look_up
from angarium.notifications.suppressions.model import (
    SOFT_BOUNCES,
    Added,
    NewSuppression,
    Suppression,
    SuppressionFilter,
    Target,
)
from angarium.notifications.suppressions.schema import suppressions
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.database.engine import reading
from angarium.platform.identifiers import Identifiers
from tests.conformance.store.backends import Backend

ADA = Target("default", Channel.EMAIL, "ada@example.com")
BOB = Target("default", Channel.EMAIL, "bob@example.com")
PHONE = Target("default", Channel.SMS, "+14155550123")
ANY = SuppressionFilter()


def new(target: Target = ADA, reason: SuppressionReason = SuppressionReason.MANUAL, **fields: object) -> NewSuppression:
    values: dict[str, object] = {"target": target, "reason": reason, "source": "api", **fields}
    return NewSuppression(**values)  # type: ignore[arg-type]


def open_store(backend: Backend, look_up: LookUp | None = None) -> SuppressionStore:
    return SuppressionStore(backend.engine, backend.clock, Identifiers(backend.clock), look_up=look_up)


@pytest.fixture(params=["fast", "plain"])
async def store(backend: Backend, request: pytest.FixtureRequest) -> AsyncIterator[SuppressionStore]:
    look_up = open_look_up(backend.url, backend.engine, fast_paths=request.param == "fast")
    assert isinstance(look_up, EngineLookUp) == (request.param == "plain")
    yield open_store(backend, look_up)
    await look_up.close()


async def listed(
    store: SuppressionStore, wanted: SuppressionFilter = ANY, tenant: str = "default"
) -> list[Suppression]:
    found = await store.page(tenant, wanted, Paging(100))
    assert (found.total, found.next_cursor) == (len(found.rows), None)
    return list(found.rows)


async def test_a_cursor_continues_the_list(store: SuppressionStore) -> None:
    for number in range(5):
        await store.add(new(Target("default", Channel.EMAIL, f"reader-{number}@shop.example")))
    whole = await listed(store)
    seen: list[Suppression] = []
    cursor = None
    while True:
        page = await store.page("default", ANY, Paging(2, cursor=cursor))
        assert page.total == (5 if cursor is None else None)
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == whole


async def test_only_the_added_address_of_that_tenant_and_channel_is_suppressed(store: SuppressionStore) -> None:
    await store.add(new(ADA))
    others = [BOB, PHONE, Target("other", Channel.EMAIL, ADA.address)]
    assert set(await store.causes([ADA, *others])) == {ADA}


async def test_the_case_of_an_email_address_does_not_count(store: SuppressionStore) -> None:
    await store.add(new(ADA))
    shouted = Target(ADA.tenant, ADA.channel, "ADA@Example.com")
    assert set(await store.causes([shouted, ADA])) == {shouted, ADA}


async def test_causes_of_more_addresses_than_one_query_takes_are_all_found(store: SuppressionStore) -> None:
    many = [Target("default", Channel.EMAIL, f"user-{number}@example.com") for number in range(1201)]
    assert await store.add_many([new(target) for target in many[::2]]) == Added(601, 0)
    assert set(await store.causes(many)) == set(many[::2])


async def test_adding_again_changes_the_entry_and_keeps_its_id(store: SuppressionStore, backend: Backend) -> None:
    first = await store.add(new(ADA))
    ends = backend.clock.now() + timedelta(hours=1)
    second = await store.add(new(ADA, source="desk", expires_at=ends))
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert [(one.source, one.expires_at) for one in await listed(store)] == [("desk", second.expires_at)]
    assert second.expires_at is not None


async def test_each_reason_is_an_entry_of_its_own_and_the_first_one_is_named(
    store: SuppressionStore, backend: Backend
) -> None:
    await store.add(new(PHONE, SuppressionReason.HARD_BOUNCE, source="twilio"))
    await backend.pass_time(timedelta(seconds=1))
    await store.add(new(PHONE, SuppressionReason.OPT_OUT, source="vonage"))
    cause = (await store.causes([PHONE]))[PHONE]
    assert (cause.reason, cause.source) == (SuppressionReason.HARD_BOUNCE, "twilio")


async def test_lifting_an_opt_out_leaves_other_reasons(store: SuppressionStore) -> None:
    await store.add(new(PHONE, SuppressionReason.COMPLAINT))
    await store.add(new(PHONE, SuppressionReason.OPT_OUT))
    assert await store.lift(PHONE, SuppressionReason.OPT_OUT)
    assert not await store.lift(PHONE, SuppressionReason.OPT_OUT)
    assert (await store.causes([PHONE]))[PHONE].reason is SuppressionReason.COMPLAINT


async def test_an_entry_has_no_effect_from_its_end_on(store: SuppressionStore, backend: Backend) -> None:
    await store.add(new(ADA, expires_at=backend.clock.now() + timedelta(minutes=1)))
    assert await store.causes([ADA])
    await backend.pass_time(timedelta(minutes=2))
    assert not await store.causes([ADA])


async def test_concurrent_adds_of_one_address_make_one_entry(store: SuppressionStore, backend: Backend) -> None:
    stores = [store, *(open_store(backend) for _ in range(4))]
    made = await asyncio.gather(*(one.add(new(ADA)) for one in stores))
    assert len({one.id for one in made}) == 1
    assert len(await listed(store)) == 1


async def test_processes_that_start_together_use_one_key(store: SuppressionStore, backend: Backend) -> None:
    stores = [store, *(open_store(backend) for _ in range(4))]
    await asyncio.gather(*(one.causes([ADA]) for one in stores))
    await stores[0].add(new(ADA))
    assert all([await one.causes([ADA]) for one in stores])


async def test_five_soft_bounces_in_a_row_suppress(store: SuppressionStore) -> None:
    results = [await store.bounced_softly(ADA, "ses") for _ in range(SOFT_BOUNCES)]
    assert results == [False, False, False, False, True]
    cause = (await store.causes([ADA]))[ADA]
    assert (cause.reason, cause.source) == (SuppressionReason.SOFT_BOUNCE, "ses")


async def test_a_delivery_ends_the_row_of_soft_bounces(store: SuppressionStore) -> None:
    for _ in range(SOFT_BOUNCES - 1):
        await store.bounced_softly(ADA, "ses")
    await store.delivered([BOB])
    await store.delivered([ADA, BOB])
    assert not await store.bounced_softly(ADA, "ses")
    assert not await store.causes([ADA])


async def test_concurrent_soft_bounces_are_all_counted(store: SuppressionStore, backend: Backend) -> None:
    stores = [store, *(open_store(backend) for _ in range(4))]
    results = await asyncio.gather(*(one.bounced_softly(ADA, "ses") for one in stores))
    assert sorted(results) == [False, False, False, False, True]


async def test_a_delivery_does_not_lift_a_suppression(store: SuppressionStore) -> None:
    await store.add(new(ADA, SuppressionReason.HARD_BOUNCE))
    await store.delivered([ADA])
    assert await store.causes([ADA])


async def test_the_list_is_filtered_by_channel_address_and_reason(store: SuppressionStore) -> None:
    await store.add_many([new(ADA), new(ADA, SuppressionReason.COMPLAINT), new(BOB), new(PHONE)])
    assert len(await listed(store)) == 4
    assert len(await listed(store, SuppressionFilter(channel=Channel.EMAIL))) == 3
    assert len(await listed(store, SuppressionFilter(address=ADA.address))) == 2
    assert len(await listed(store, SuppressionFilter(address=PHONE.address))) == 1
    [one] = await listed(store, SuppressionFilter(address=ADA.address, reason=SuppressionReason.COMPLAINT))
    assert one.address == ADA.address


async def test_another_tenant_neither_sees_nor_removes_an_entry(store: SuppressionStore) -> None:
    made = await store.add(new(ADA))
    assert not await listed(store, tenant="other")
    assert await store.remove("other", made.id) is None
    assert [one async for one in store.all("other", ANY)] == []
    assert await store.causes([ADA])


async def test_a_removed_entry_has_no_effect(store: SuppressionStore) -> None:
    made = await store.add(new(ADA))
    assert await store.remove("default", made.id) == made
    assert await store.remove("default", made.id) is None
    assert await store.remove("default", uuid4()) is None
    assert not await store.causes([ADA])


async def test_all_reads_every_entry_once(store: SuppressionStore) -> None:
    many = [Target("default", Channel.EMAIL, f"user-{number}@example.com") for number in range(1001)]
    await store.add_many([new(target) for target in many])
    assert sorted([str(one.address) async for one in store.all("default", ANY)]) == sorted(t.address for t in many)


async def test_an_import_tells_new_entries_from_those_that_were_there(store: SuppressionStore) -> None:
    await store.add(new(ADA))
    assert await store.add_many([new(ADA), new(BOB), new(BOB)]) == Added(1, 2)


async def test_concurrent_imports_of_one_file_add_each_entry_once(store: SuppressionStore, backend: Backend) -> None:
    many = [new(Target("default", Channel.EMAIL, f"user-{number}@example.com")) for number in range(40)]
    made = await asyncio.gather(*(one.add_many(many) for one in (store, open_store(backend), open_store(backend))))
    assert sum(one.new for one in made) == len(await listed(store)) == 40


async def test_an_opt_out_outlives_the_erasure_of_its_user(store: SuppressionStore, backend: Backend) -> None:
    user_id = uuid4()
    await store.add(new(ADA, SuppressionReason.OPT_OUT, user_id=user_id))
    await store.add(new(BOB, user_id=uuid4()))
    await store.forget_user("other", user_id)
    assert all(one.address for one in await listed(store))
    await store.forget_user("default", user_id)
    await store.forget_user("default", user_id)
    assert (await store.causes([ADA]))[ADA].reason is SuppressionReason.OPT_OUT
    assert {one.address for one in await listed(store)} == {None, BOB.address}
    [found] = await listed(store, SuppressionFilter(address=ADA.address))
    assert found.address is None
    async with reading(backend.engine) as connection:
        rows = (await connection.execute(select(suppressions))).all()
    assert ADA.address not in repr(rows)
    assert user_id not in [row.user_id for row in rows if isinstance(row.user_id, UUID)]


async def test_an_address_is_not_shown_by_the_values_that_hold_it(store: SuppressionStore) -> None:
    entry = new(ADA)
    assert ADA.address not in repr(entry)
    assert ADA.address not in repr(await store.add(entry))
    assert ADA.address not in repr(SuppressionFilter(address=ADA.address))
