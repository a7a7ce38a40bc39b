"""Reads the audit log."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.audit import AuditView
from angarium.notifications.store.paging import Found, Listing, Paging
from angarium.notifications.store.schema import audit_log
from angarium.platform.database.engine import reading

_BY_TIME = Listing(audit_log.c.at, audit_log.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are meant; what is None does not matter. `since` ≤ at < `until`."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditReader:
    """Lists entries of a tenant, newest first. Raises DatabaseUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, wanted: AuditFilter, paging: Paging) -> Found[AuditView]:
        """Those that match. Raises ValidationFailed for a cursor that is none."""
        query = select(audit_log).where(audit_log.c.tenant == tenant, *_conditions(wanted))
        async with reading(self._engine) as connection:
            rows, total, following = await _BY_TIME.page(connection, query, paging)
        return Found([_view(row) for row in rows], total, following)


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
