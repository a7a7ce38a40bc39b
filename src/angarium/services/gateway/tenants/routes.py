"""`/api/v1/tenants`: for admins of the default tenant."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Forbidden
from angarium.contracts.scopes import Scope
from angarium.contracts.tenants import TenantCreate, TenantCreated, TenantView
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.http.frame.short_lists import ShortPage, short_list
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.tenants.use_cases import Tenants
from angarium.services.gateway.tenants.views import tenant_view

PATH = "/api/v1/tenants"


async def _operator(caller: Annotated[Caller, Depends(requires(Scope.ADMIN))]) -> Caller:
    if caller.tenant != DEFAULT_TENANT:
        message = "Only an admin of the default tenant may do this"
        raise Forbidden(message)
    return caller


Operator = Annotated[Caller, Depends(_operator)]


def routes(tenants: Tenants) -> APIRouter:
    """List and create."""
    router = APIRouter(prefix=PATH, tags=["tenants"])

    @router.get("")
    async def list_tenants(_caller: Operator, page: ShortPage) -> Envelope[list[TenantView]]:
        """Tenants, ordered by id."""
        found, total = await tenants.page(limit=page.limit, page=page.page)
        return short_list([tenant_view(tenant) for tenant in found], total=total, page=page)

    @router.post("", status_code=HTTPStatus.CREATED, responses=conflict("The id is taken"))
    async def create_tenant(
        request: Request, caller: Operator, body: TenantCreate, response: Response
    ) -> Envelope[TenantCreated]:
        """Create a tenant. Only this answer shows its first key, which has all scopes in the tenant."""
        response.headers["cache-control"] = "no-store"
        tenant, fresh = await tenants.create(actor_of(request, caller), body)
        made = TenantCreated(**tenant_view(tenant).model_dump(), key_id=fresh.key.key_id, key=fresh.secret)
        return one(made, "Tenant created; its key is shown only now")

    return router
