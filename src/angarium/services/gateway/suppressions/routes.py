"""`/api/v1/suppressions`: the suppression list of the caller's tenant."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import StreamingResponse

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.scopes import Scope
from angarium.contracts.suppressions import (
    ADDRESS_LENGTH,
    SuppressibleChannel,
    SuppressionCreate,
    SuppressionImport,
    SuppressionReason,
    SuppressionView,
)
from angarium.notifications.store.paging import Paging
from angarium.notifications.suppressions.model import SuppressionFilter
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import Page, requires
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.suppressions.file import COLUMNS
from angarium.services.gateway.suppressions.use_cases import Suppressions, filter_of
from angarium.services.gateway.suppressions.views import csv_headings, csv_row, suppression_view

PATH = "/api/v1/suppressions"
IMPORT_PATH = f"{PATH}/import"
IMPORT_BYTES = 16 * 1024 * 1024
Manager = Annotated[Caller, Depends(requires(Scope.SUPPRESSIONS_MANAGE))]
_CSV = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": f"{','.join(COLUMNS)}\nemail,no-more@example.com,opt_out,crm,\n",
            }
        },
    }
}


def _filter(
    channel: SuppressibleChannel | None = None,
    address: Annotated[str | None, Query(max_length=ADDRESS_LENGTH, description="Only entries of this address")] = None,
    reason: SuppressionReason | None = None,
) -> SuppressionFilter:
    return filter_of(channel, address, reason)


Wanted = Annotated[SuppressionFilter, Depends(_filter)]


def routes(suppressions: Suppressions) -> APIRouter:
    """List, add, remove, import, export."""
    router = APIRouter(prefix=PATH, tags=["suppressions"])

    @router.get("")
    async def list_suppressions(caller: Manager, page: Page, wanted: Wanted) -> Envelope[list[SuppressionView]]:
        """List the entries, newest first. One entry is enough to suppress an address."""
        found = await suppressions.page(caller.tenant, wanted, Paging(page.limit, page.page, page.cursor))
        views = [suppression_view(entry) for entry in found.rows]
        return many(views, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    @router.post("")
    async def add_suppression(request: Request, caller: Manager, body: SuppressionCreate) -> Envelope[SuppressionView]:
        """Add an entry. An entry with this channel, address and reason gets the new source and expiry."""
        entry = await suppressions.add(actor_of(request, caller), body)
        return one(suppression_view(entry), "Address suppressed")

    @router.delete("/{suppression_id}")
    async def remove_suppression(request: Request, caller: Manager, suppression_id: UUID) -> Envelope[None]:
        """Remove an entry. Entries of the same address with other reasons are kept."""
        await suppressions.remove(actor_of(request, caller), suppression_id)
        return one(None, "Suppression removed")

    _add_files(router, suppressions)
    return router


def _add_files(router: APIRouter, suppressions: Suppressions) -> None:
    @router.post("/import", openapi_extra=_CSV)
    async def import_suppressions(request: Request, caller: Manager) -> Envelope[SuppressionImport]:
        """Import a CSV file of at most 10,000 rows. Importing the same file again changes nothing.

        Columns: `channel`, `address`, and optionally `reason` (`manual`), `source` (`import`), `expires_at`.
        """
        content_type, body = request.headers.get("content-type", ""), await request.body()
        return one(await suppressions.import_file(actor_of(request, caller), content_type, body), "Imported")

    @router.get(
        "/export",
        response_class=StreamingResponse,
        responses={200: {"description": "The entries", "content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def export_suppressions(caller: Manager, wanted: Wanted) -> StreamingResponse:
        """Export every entry as CSV, in the format of imports. The address of an erased user is empty."""
        entries = suppressions.all(caller.tenant, wanted)

        async def lines() -> AsyncIterator[str]:
            yield csv_headings()
            async for entry in entries:
                yield csv_row(entry)

        headers = {"content-disposition": 'attachment; filename="suppressions.csv"', "cache-control": "no-store"}
        return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)
