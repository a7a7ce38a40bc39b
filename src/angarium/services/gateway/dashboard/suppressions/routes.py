"""`/dashboard/suppressions`: search, add and remove suppressed addresses."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SUPPRESSIBLE, SuppressionCreate
from angarium.notifications.store.paging import Paging
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.pages import Pages, page_number, pager, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.suppressions.use_cases import Suppressions, filter_of
from angarium.services.gateway.suppressions.views import suppression_view

PATH = f"{PREFIX}/suppressions"
LIMIT = 50


def routes(suppressions: Suppressions, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, add, remove."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    signed_in, manages = viewers.requires(), viewers.requires(Scope.SUPPRESSIONS_MANAGE)

    @router.get("")
    async def list_suppressions(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
        address = request.query_params.get("address", "").strip()[:320]
        page = page_number(request)
        wanted = filter_of(None, address or None, None)
        found = await suppressions.page(caller.tenant, wanted, Paging(LIMIT, page))
        rows = [{**suppression_view(entry).model_dump(mode="python"), "id": str(entry.id)} for entry in found.rows]
        return pages.page(
            request,
            viewer_of(request),
            "suppressions",
            {
                "rows": rows,
                "total": found.total,
                "address": address,
                "channels": sorted(channel.value for channel in SUPPRESSIBLE),
                **pager(PATH, {"address": address}, page, len(rows) == LIMIT),
            },
        )

    @router.post("")
    async def add_suppression(
        request: Request,
        caller: Annotated[Caller, Depends(manages)],
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        address = form.get("address", "")
        fields = {
            "channel": Channel.EMAIL if "@" in address else Channel.SMS,
            "address": address,
            "source": "dashboard",
        }
        try:
            body = SuppressionCreate.model_validate(fields)
        except ValidationError as error:
            raise ValidationFailed(details=details_of(error.errors())) from None
        await suppressions.add(actor_of(request, caller), body)
        return redirect(f"{PATH}?done=suppressed")

    @router.post("/{suppression_id}/remove", dependencies=[Depends(form_of)])
    async def remove_suppression(
        request: Request, caller: Annotated[Caller, Depends(manages)], suppression_id: UUID
    ) -> Response:
        await suppressions.remove(actor_of(request, caller), suppression_id)
        return redirect(f"{PATH}?done=unsuppressed")

    return router
