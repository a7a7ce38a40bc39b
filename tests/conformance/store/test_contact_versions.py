"""The contact version that each user has reached never falls, whatever the order of the reports."""

import asyncio
from uuid import uuid4

from tests.conformance.store.backends import TENANT, Backend


async def test_a_version_is_kept_until_a_higher_one_comes(backend: Backend) -> None:
    first, second, unknown = uuid4(), uuid4(), uuid4()
    await backend.store.raise_contact_versions(TENANT, {first: 2, second: 7})
    await backend.store.raise_contact_versions(TENANT, {first: 3, second: 6})
    await backend.store.raise_contact_versions(TENANT, {first: 3})
    assert await backend.store.contact_versions([first, second, unknown]) == {first: 3, second: 7}


async def test_no_users(backend: Backend) -> None:
    await backend.store.raise_contact_versions(TENANT, {})
    assert await backend.store.contact_versions([]) == {}


async def test_concurrent_calls_leave_the_highest_version_of_each_user(backend: Backend) -> None:
    users = [uuid4() for _ in range(50)]
    stores = [backend.open() for _ in range(4)]
    calls = [dict.fromkeys(users if round_ % 2 else reversed(users), round_) for round_ in range(1, 21)]
    await asyncio.gather(*(stores[i % 4].raise_contact_versions(TENANT, call) for i, call in enumerate(calls)))
    assert await backend.store.contact_versions(users) == dict.fromkeys(users, 20)


async def test_the_largest_version_fits(backend: Backend) -> None:
    user = uuid4()
    await backend.store.raise_contact_versions(TENANT, {user: 2**31 - 1})
    assert await backend.store.contact_versions([user]) == {user: 2**31 - 1}
