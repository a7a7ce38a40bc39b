"""Lists over random numbers of people: every page and every walk by cursor gives each person once, in order."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.users import Preferences
from angarium.platform.database.engine import writing
from angarium.services.users.people.model import Person
from angarium.services.users.people.schema import users as users_table
from angarium.services.users.people.store import Filter, UserStore

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def person(user_id: UUID, tenant: str) -> Person:
    return Person(
        user_id=user_id,
        tenant=tenant,
        name="Jane" if user_id.int % 2 else "John",
        email=None,
        phone="+14155550123",
        password_hash=None,
        preferences=Preferences(),
        locale=None,
        timezone=None,
        metadata={},
        created_at=NOW,
        updated_at=NOW,
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.sets(st.uuids(), max_size=12), others=st.sets(st.uuids(), max_size=3), limit=st.integers(1, 5))
async def test_each_person_once_and_newest_first(
    engine: AsyncEngine, ids: set[UUID], others: set[UUID], limit: int
) -> None:
    store = UserStore(engine)
    async with writing(engine) as connection:
        await connection.execute(delete(users_table))
    for user_id in ids:
        await store.insert(person(user_id, "mine"))
    for user_id in others - ids:
        await store.insert(person(user_id, "theirs"))
    for wanted in (Filter(), Filter(search="jane")):
        expected = sorted((i for i in ids if wanted.search is None or i.int % 2), reverse=True)
        assert await _by_page(store, wanted, limit, len(expected)) == expected
        assert await _by_cursor(store, wanted, limit) == expected


async def _by_page(store: UserStore, wanted: Filter, limit: int, total: int) -> list[UUID]:
    seen: list[UUID] = []
    for offset in range(0, total + limit, limit):
        people, counted = await store.find("mine", wanted, limit=limit, offset=offset)
        assert counted == total
        seen += [someone.user_id for someone in people]
    return seen


async def _by_cursor(store: UserStore, wanted: Filter, limit: int) -> list[UUID]:
    seen: list[UUID] = []
    people, _ = await store.find("mine", wanted, limit=limit)
    while people:
        seen += [someone.user_id for someone in people]
        people, _ = await store.find("mine", wanted, limit=limit, before=seen[-1])
    return seen
