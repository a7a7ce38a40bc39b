"""Queries of the audit log. Every method raises DatabaseUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.audit import AuditView
from angarium.notifications.store.paging import Found, Listing, Paging
from angarium.platform.auth.caller import Caller
from angarium.platform.database.engine import reading, writing
from angarium.services.gateway.audit.schema import audit_log

_BY_TIME = Listing(audit_log.c.at, audit_log.c.id)


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a change, with address and correlation id."""

    caller: Caller
    address: str | None
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: `action` is an event (`key.created`), `subject` the changed resource."""

    id: UUID
    at: datetime
    actor: Actor
    action: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """A filter of entries; None matches any. `since` ≤ at < `until`."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditStore:
    """Writes entries in their own transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, entries: Sequence[Entry]) -> None:
        """Insert entries; those with an existing id do not change."""
        async with writing(self._engine) as connection:
            known = await _known(connection, entries)
            for entry in entries:
                if entry.id not in known:
                    await write_entry(connection, entry)


class AuditReader:
    """Lists entries of a tenant, newest first."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, wanted: AuditFilter, paging: Paging) -> Found[AuditView]:
        """Matching entries. Raises ValidationFailed for an invalid cursor."""
        query = select(audit_log).where(audit_log.c.tenant == tenant, *_conditions(wanted))
        async with reading(self._engine) as connection:
            rows, total, following = await _BY_TIME.page(connection, query, paging)
        return Found([_view(row) for row in rows], total, following)


async def _known(connection: AsyncConnection, entries: Sequence[Entry]) -> frozenset[UUID]:
    query = select(audit_log.c.id).where(audit_log.c.id.in_([entry.id for entry in entries]))
    return frozenset((await connection.scalars(query)).all())


async def write_entry(connection: AsyncConnection, entry: Entry) -> None:
    """Insert an entry in the transaction of `connection`."""
    await connection.execute(
        insert(audit_log).values(
            id=entry.id,
            tenant=entry.actor.caller.tenant,
            at=entry.at,
            actor=entry.actor.caller.identity,
            action=entry.action,
            object=entry.subject,
            address=entry.actor.address,
            correlation_id=entry.actor.correlation_id,
        )
    )


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    columns = audit_log.c
    equal = ((columns.actor, wanted.actor), (columns.action, wanted.action), (columns.object, wanted.subject))
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    if wanted.since is not None:
        conditions.append(columns.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.at < wanted.until)
    return conditions


def _view(row: RowMapping) -> AuditView:
    return AuditView(
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        object=row["object"],
        from_=row["address"],
        correlation_id=row["correlation_id"],
    )
