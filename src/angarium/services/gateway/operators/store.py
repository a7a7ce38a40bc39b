"""Reads and writes operators and their sessions. Passwords and session tokens are stored as hashes only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.operators import Role
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import reading, writing
from angarium.services.gateway.audit.store import Entry, write_entry
from angarium.services.gateway.operators.schema import operator_sessions, operators

_SHOWN = tuple(column for column in operators.c if column.name != "password_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An account. `password_hash` is None if it was not read or the account has no password."""

    operator_id: UUID
    tenant: str
    name: str
    role: Role
    created_at: datetime
    signed_in_at: datetime | None = None
    password_hash: str | None = field(default=None, repr=False)


class OperatorStore:
    """Every change is written in one transaction with its audit entry. Methods raise DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, operator: Operator, entry: Entry) -> bool:
        """Insert an account. False if the tenant already has one with this name."""
        try:
            async with writing(self._engine) as connection:
                values = {column.name: getattr(operator, column.name) for column in operators.c}
                await connection.execute(insert(operators).values(values))
                await write_entry(connection, entry)
        except IntegrityError:
            return False
        return True

    async def page(self, tenant: str, *, limit: int, offset: int) -> tuple[Sequence[Operator], int]:
        """A page of a tenant's accounts, sorted by name, and the total as returned by `count_up_to`."""
        query = select(*_SHOWN).where(operators.c.tenant == tenant)
        async with reading(self._engine) as connection:
            rows = await connection.execute(query.order_by(operators.c.name).limit(limit).offset(offset))
            return [_operator(row) for row in rows.mappings()], await count_up_to(connection, query)

    async def named(self, tenant: str, name: str) -> Operator | None:
        """The account with this name, including its password hash."""
        return await self._one(operators.c.tenant == tenant, operators.c.name == name)

    async def remove(self, tenant: str, operator_id: UUID, entry: Entry) -> bool:
        """Delete an account and its sessions. False if the tenant has no account with this id."""
        async with writing(self._engine) as connection:
            mine = (operators.c.tenant == tenant, operators.c.operator_id == operator_id)
            if (await connection.execute(delete(operators).where(*mine))).rowcount != 1:
                return False  # the foreign key deletes the sessions of a deleted account
            await write_entry(connection, entry)
        return True

    async def begin_session(
        self, operator_id: UUID, token_hash: str, *, now: datetime, until: datetime, entry: Entry
    ) -> None:
        """Insert a session, set `signed_in_at`, and delete expired sessions."""
        session = {"token_hash": token_hash, "operator_id": operator_id, "created_at": now, "expires_at": until}
        mine = operators.c.operator_id == operator_id
        async with writing(self._engine) as connection:
            await connection.execute(delete(operator_sessions).where(operator_sessions.c.expires_at <= now))
            await connection.execute(insert(operator_sessions).values(session))
            await connection.execute(update(operators).where(mine).values(signed_in_at=now))
            await write_entry(connection, entry)

    async def of_session(self, token_hash: str, now: datetime) -> Operator | None:
        """The account of a session, without its password hash. None if the session has expired or does not exist."""
        query = (
            select(*_SHOWN)
            .join_from(operator_sessions, operators, operators.c.operator_id == operator_sessions.c.operator_id)
            .where(operator_sessions.c.token_hash == token_hash, operator_sessions.c.expires_at > now)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _operator(row)

    async def end_session(self, token_hash: str, entry: Entry) -> None:
        """Delete a session. Idempotent: the audit entry is written only if the session existed."""
        async with writing(self._engine) as connection:
            mine = operator_sessions.c.token_hash == token_hash
            if (await connection.execute(delete(operator_sessions).where(mine))).rowcount:
                await write_entry(connection, entry)

    async def _one(self, *conditions: ColumnElement[bool]) -> Operator | None:
        async with reading(self._engine) as connection:
            row = (await connection.execute(select(operators).where(*conditions))).mappings().one_or_none()
        return None if row is None else _operator(row)


def _operator(row: RowMapping) -> Operator:
    return Operator(**{**row, "role": Role(row["role"])})
