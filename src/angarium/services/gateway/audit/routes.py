"""`/api/v1/audit`: who changed what; and the other services' reports of what was changed at them."""

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
from angarium.services.gateway.audit.log import Actor, AuditLog, Entry
from angarium.services.gateway.audit.store import AuditFilter, AuditReader

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


class AuditRoutes:
    """Shows the log, and takes reports from other services."""

    def __init__(self, reader: AuditReader, log: AuditLog) -> None:
        self._reader = reader
        self._log = log

    def router(self) -> APIRouter:
        router = APIRouter(tags=["audit"])
        router.add_api_route(
            PATH, self.find, name="list_audit_entries", methods=["GET"], response_model=Envelope[list[AuditView]]
        )
        router.add_api_route(
            REPORTS_PATH, self.take, methods=["POST"], response_model=Envelope[None], include_in_schema=False
        )
        return router

    async def find(
        self, caller: Admin, page: Page, wanted: Annotated[AuditFilter, Depends(_filter)]
    ) -> Envelope[list[AuditView]]:
        """Changes of the caller's tenant, newest first: who, what, when, from where."""
        found = await self._reader.find(caller.tenant, wanted, Paging(page.limit, page.page, page.cursor))
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    async def take(self, body: AuditReports, _service: Annotated[Caller, Depends(service_only)]) -> Envelope[None]:
        """Keep what was changed at another service."""
        await self._log.write_many([_entry(report) for report in body.reports])
        return one(None, "Kept")


def _entry(report: AuditReport) -> Entry:
    caller = Caller(report.tenant, report.actor, frozenset())
    actor = Actor(caller, report.address, report.correlation_id)
    return Entry(report.id, report.at, actor, report.action, report.object)
