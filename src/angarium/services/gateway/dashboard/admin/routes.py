"""`/dashboard/keys`, `/dashboard/operators`, `/dashboard/audit`: what there is, and who did what. To read only."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.scopes import Scope
from angarium.notifications.store.paging import Paging
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.store import AuditFilter, AuditReader
from angarium.services.gateway.dashboard.pages import Pages, page_number, pager
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, viewer_of
from angarium.services.gateway.keys.use_cases import Keys
from angarium.services.gateway.keys.views import key_view
from angarium.services.gateway.operators.use_cases import Operators
from angarium.services.gateway.operators.views import operator_view

LIMIT = 50


def routes(keys: Keys, operators: Operators, audit: AuditReader, pages: Pages, viewers: Viewers) -> APIRouter:
    """The three lists."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    administers = viewers.requires(Scope.ADMIN)

    @router.get("/keys")
    async def list_keys(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        page = page_number(request)
        found, total = await keys.page(caller.tenant, limit=LIMIT, page=page)
        rows = [{**key_view(key).model_dump(), "key_id": str(key.key_id)} for key in found]
        more = pager(f"{PREFIX}/keys", {}, page, len(rows) == LIMIT)
        return pages.page(
            request,
            viewer_of(request),
            "keys",
            {
                "rows": rows,
                "total": total,
                **more,
            },
        )

    @router.get("/operators")
    async def list_operators(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        page = page_number(request)
        found, total = await operators.page(caller.tenant, limit=LIMIT, page=page)
        rows = [{**operator_view(one).model_dump(), "operator_id": str(one.operator_id)} for one in found]
        more = pager(f"{PREFIX}/operators", {}, page, len(rows) == LIMIT)
        return pages.page(
            request,
            viewer_of(request),
            "operators",
            {
                "rows": rows,
                "total": total,
                **more,
            },
        )

    @router.get("/audit")
    async def list_audit_entries(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        asked = {
            name: request.query_params.get(name, "").strip()[:512].replace("\0", "")
            for name in ("actor", "action", "object")
        }
        wanted = AuditFilter(
            actor=asked["actor"] or None, action=asked["action"] or None, subject=asked["object"] or None
        )
        cursor = request.query_params.get("cursor") or None
        found = await audit.find(caller.tenant, wanted, Paging(LIMIT, cursor=cursor))
        query = {name: value for name, value in asked.items() if value}
        older = f"{PREFIX}/audit?{urlencode({**query, 'cursor': found.next_cursor})}" if found.next_cursor else None
        rows = [entry.model_dump() for entry in found.rows]
        return pages.page(
            request,
            viewer_of(request),
            "audit",
            {
                "rows": rows,
                "total": found.total,
                "form": asked,
                "filtered": bool(query),
                "older": older,
            },
        )

    return router
