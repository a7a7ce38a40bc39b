"""`/dashboard/tenants`. Only for admins of the default tenant."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, Rejected, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.contracts.tenants import TenantCreate
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.pages import Pages, error_text, page_number, pager
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.tenants.use_cases import Tenants
from angarium.services.gateway.tenants.views import tenant_view

PATH = f"{PREFIX}/tenants"
LIMIT = 50


def routes(tenants: Tenants, pages: Pages, viewers: Viewers) -> APIRouter:
    """List and create tenants. The first key of a new tenant is shown once."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    administers = viewers.requires(Scope.ADMIN)

    @router.get("")
    async def list_tenants(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        _require_default_tenant(caller)
        return await _page(request, tenants, pages)

    @router.post("")
    async def create_tenant(
        request: Request,
        caller: Annotated[Caller, Depends(administers)],
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        _require_default_tenant(caller)
        try:
            tenant, fresh = await tenants.create(actor_of(request, caller), _wanted(form))
        except Rejected as fault:
            return await _page(request, tenants, pages, form=form, fault=fault)
        values = {"name": fresh.key.name, "tenant": tenant.tenant, "secret": fresh.secret, "back": PATH}
        return pages.page(request, viewer_of(request), "key_made", values, status=HTTPStatus.CREATED)

    return router


def _wanted(form: Mapping[str, str]) -> TenantCreate:
    try:
        return TenantCreate.model_validate({"tenant": form.get("tenant", ""), "name": form.get("name")})
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None


async def _page(
    request: Request,
    tenants: Tenants,
    pages: Pages,
    *,
    form: Mapping[str, str] | None = None,
    fault: Rejected | None = None,
) -> Response:
    page = page_number(request)
    found, total = await tenants.page(limit=LIMIT, page=page)
    rows = [tenant_view(tenant).model_dump() for tenant in found]
    values: dict[str, Any] = {
        "rows": rows,
        "total": total,
        "form": form or {},
        "fault": None if fault is None else error_text(fault),
        **pager(PATH, {}, page, len(rows) == LIMIT),
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "tenants", values, status=status)


def _require_default_tenant(caller: Caller) -> None:
    if caller.tenant != DEFAULT_TENANT:
        raise Forbidden("Only admins of the default tenant can see the tenants")
