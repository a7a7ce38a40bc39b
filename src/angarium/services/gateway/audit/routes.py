"""`/api/v1/audit`, and the other services' reports of changes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from angarium.contracts.audit import AuditReport, AuditReports, AuditView
from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.fields import InstantField
from angarium.contracts.scopes import Scope
from angarium.directory.gateway.reporting import PATH as REPORTS_PATH
from angarium.notifications.store.paging import Paging
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import Page, requires, service_only
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor, AuditFilter, AuditReader, Entry

PATH = "/api/v1/audit"
Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]
Word = Annotated[str | None, Query(max_length=512, pattern=r"^[^\x00]*$")]


def _filter(
    actor: Word = None,
    action: Word = None,
    subject: Annotated[Word, Query(alias="object")] = None,
    since: Annotated[InstantField | None, Query(alias="from")] = None,
    until: Annotated[InstantField | None, Query(alias="to")] = None,
) -> AuditFilter:
    return AuditFilter(actor=actor, action=action, subject=subject, since=since, until=until)


def routes(reader: AuditReader, log: AuditLog) -> APIRouter:
    """Routes of the log and of reports from other services."""
    router = APIRouter(tags=["audit"])

    @router.get(PATH)
    async def list_audit_entries(
        caller: Admin, page: Page, wanted: Annotated[AuditFilter, Depends(_filter)]
    ) -> Envelope[list[AuditView]]:
        """Changes of the caller's tenant, newest first: who, what, when, from where."""
        found = await reader.find(caller.tenant, wanted, Paging(page.limit, page.page, page.cursor))
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    @router.post(REPORTS_PATH, include_in_schema=False)
    async def take(body: AuditReports, _service: Annotated[Caller, Depends(service_only)]) -> Envelope[None]:
        """Store changes made at another service."""
        await log.write_many([_entry(report) for report in body.reports])
        return one(None, "Kept")

    return router


def _entry(report: AuditReport) -> Entry:
    caller = Caller(report.tenant, report.actor, frozenset())
    actor = Actor(caller, report.address, report.correlation_id)
    return Entry(report.id, report.at, actor, report.action, report.object)
