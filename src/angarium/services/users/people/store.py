"""Queries of users and their devices, the same on every database.

Every method raises DatabaseUnavailable when the database cannot serve.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Conflict, Detail, UserNotFound
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.replica import Replica
from angarium.services.users.erasures.store import add_pending
from angarium.services.users.people.addresses import key_of_email
from angarium.services.users.people.model import Person
from angarium.services.users.people.rows import Row, device_row, person_row, to_person
from angarium.services.users.people.schema import devices, users

Edit = Callable[[Person], Person]
_WILD = re.compile(r"[%_/]")
_PERSON = select(*(column for column in users.c if column.name not in {"contact", "contact_version", "email_key"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter of users; `search` is a case-insensitive part of the name, email or phone."""

    email: str | None = None
    search: str | None = None


class EmailTaken(Conflict):
    """This email belongs to another user"""

    def __init__(self) -> None:
        super().__init__(details=(Detail("email", "belongs to another user"),))


class UserStore:
    """Users and their devices in `users_db`. Lists are read from `replica`, if there is one."""

    def __init__(self, engine: AsyncEngine, *, replica: Replica | None = None) -> None:
        self._engine = engine
        self._replica = replica or Replica(engine)

    async def insert(self, person: Person) -> None:
        """Insert a person. Raises EmailTaken."""
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(users).values(person_row(person)))
                await _insert_devices(connection, person, [device.device_id for device in person.devices])
        except IntegrityError as error:
            raise EmailTaken from error

    async def insert_many(self, people: Sequence[Person]) -> None:
        """Insert persons, all or none. Raises EmailTaken."""
        devices_of = [device_row(person.user_id, device) for person in people for device in person.devices]
        try:
            async with writing(self._engine) as connection:
                if people:
                    await connection.execute(insert(users), [person_row(person) for person in people])
                if devices_of:
                    await connection.execute(insert(devices), devices_of)
        except IntegrityError as error:
            raise EmailTaken from error

    async def find_emails(self, tenant: str, keys: Collection[str]) -> Mapping[str, UUID]:
        """Find users with these emails, by `key_of_email`."""
        query = select(users.c.email_key, users.c.user_id).where(users.c.tenant == tenant, users.c.email_key.in_(keys))
        async with reading(self._engine) as connection:
            return {row.email_key: row.user_id for row in await connection.execute(query)}

    async def get(self, tenant: str, user_id: UUID) -> Person:
        """Return the person. Raises UserNotFound, also for another tenant's."""
        found = await self._load(_PERSON.where(*_one(tenant, user_id)))
        if not found:
            raise UserNotFound
        return found[0]

    async def get_many(self, user_ids: Collection[UUID], *, tenant: str | None = None) -> Mapping[UUID, Person]:
        """The existing persons (of `tenant`, if given), by id."""
        query = _PERSON.where(users.c.user_id.in_(user_ids))
        if tenant is not None:
            query = query.where(users.c.tenant == tenant)
        return {person.user_id: person for person in await self._load(query)}

    async def versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """The version of each existing user."""
        query = select(users.c.user_id, users.c.version).where(users.c.user_id.in_(user_ids))
        async with reading(self._engine) as connection:
            return {row.user_id: row.version for row in await connection.execute(query)}

    async def find(
        self, tenant: str, wanted: Filter, *, limit: int, offset: int = 0, before: UUID | None = None
    ) -> tuple[Sequence[Person], int | None]:
        """Up to `limit` persons, newest first, and their total number (see `count_up_to`).

        Starts after `offset` persons, or below the id `before`, without a count. With a replica recent changes may be
        missing.
        """
        conditions = _conditions(tenant, wanted)
        query = _PERSON.where(*conditions).order_by(users.c.user_id.desc()).limit(limit)
        query = query.offset(offset) if before is None else query.where(users.c.user_id < before)

        async def page(connection: AsyncConnection) -> tuple[Sequence[Person], int | None]:
            found = await _load(connection, query)
            return found, await count_up_to(connection, query) if before is None else None

        return await self._replica.read(page)

    async def with_email(self, tenant: str, email: str) -> Person | None:
        """The person with this email, never read from a replica."""
        found = await self._load(_PERSON.where(*_conditions(tenant, Filter(email=email))).limit(1))
        return found[0] if found else None

    async def change(self, tenant: str, user_id: UUID, edit: Edit, *, now: datetime) -> Person:
        """Apply `edit` to the person, whose row is locked, and return the committed result.

        `edit` must be pure, as it may be called again. An edit without changes writes nothing. Raises UserNotFound,
        EmailTaken and the errors of `edit`.
        """
        try:
            async with writing(self._engine) as connection:
                before = await _lock(connection, tenant, user_id)
                after = edit(before)
                if after == before:
                    return before
                after = replace(after, version=before.version + 1, updated_at=now)
                await _write(connection, before, after)
                return after
        except IntegrityError as error:
            raise EmailTaken from error

    async def remove(self, tenant: str, user_id: UUID, check: Callable[[Person], object], *, now: datetime) -> None:
        """Delete the person unless `check` raises, and add the pending erasure. Raises UserNotFound."""
        async with writing(self._engine) as connection:
            check(await _lock(connection, tenant, user_id))
            await connection.execute(delete(users).where(*_one(tenant, user_id)))
            await add_pending(connection, tenant, user_id, now)

    async def _load(self, query: Select[Any]) -> list[Person]:
        async with reading(self._engine) as connection:
            return await _load(connection, query)


async def _load(connection: AsyncConnection, query: Select[Any]) -> list[Person]:
    people = (await connection.execute(query)).mappings().all()
    owned: dict[UUID, list[Row]] = defaultdict(list)
    if people:
        mine = devices.c.user_id.in_([row["user_id"] for row in people])
        in_order = select(devices).where(mine).order_by(devices.c.created_at, devices.c.device_id)
        for row in (await connection.execute(in_order)).mappings():
            owned[row["user_id"]].append(_row(row))
    return [to_person(_row(row), owned[row["user_id"]]) for row in people]


def _row(mapping: RowMapping) -> Row:
    return cast("Row", mapping)  # it maps names, which is all that its type does not say


async def _lock(connection: AsyncConnection, tenant: str, user_id: UUID) -> Person:
    found = await _load(connection, _PERSON.where(*_one(tenant, user_id)).with_for_update())
    if not found:
        raise UserNotFound
    return found[0]


async def _write(connection: AsyncConnection, before: Person, after: Person) -> None:
    await connection.execute(update(users).where(users.c.user_id == after.user_id).values(person_row(after)))
    old = {device.device_id: device for device in before.devices}
    new = {device.device_id: device for device in after.devices}
    gone = [device_id for device_id, device in old.items() if new.get(device_id) != device]
    if gone:
        await connection.execute(delete(devices).where(devices.c.device_id.in_(gone)))
    await _insert_devices(
        connection, after, [device_id for device_id, device in new.items() if old.get(device_id) != device]
    )


async def _insert_devices(connection: AsyncConnection, person: Person, device_ids: Collection[UUID]) -> None:
    rows = [device_row(person.user_id, device) for device in person.devices if device.device_id in device_ids]
    if rows:
        await connection.execute(insert(devices), rows)


def _one(tenant: str, user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return users.c.tenant == tenant, users.c.user_id == user_id


def _conditions(tenant: str, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [users.c.tenant == tenant]
    if wanted.email is not None:
        conditions.append(users.c.email_key == key_of_email(wanted.email))
    if wanted.search is not None:
        columns = (users.c.name, users.c.email, users.c.phone)
        pattern = "%" + _WILD.sub(r"/\g<0>", wanted.search) + "%"
        conditions.append(or_(*(column.ilike(pattern, escape="/") for column in columns)))
    return conditions
