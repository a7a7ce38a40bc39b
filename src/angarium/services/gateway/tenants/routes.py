"""`/api/v1/tenants`: for admins of the default tenant."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import Forbidden
from angarium.contracts.scopes import Scope
from angarium.contracts.tenants import TenantCreate, TenantCreated, TenantView
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.dependencies import NumberedPage, requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.tenants.use_cases import Tenant, Tenants

PATH = "/api/v1/tenants"


async def _operator(caller: Annotated[Caller, Depends(requires(Scope.ADMIN))]) -> Caller:
    if caller.tenant != DEFAULT_TENANT:
        message = "Only an admin of the default tenant may do this"
        raise Forbidden(message)
    return caller


Operator = Annotated[Caller, Depends(_operator)]


class TenantRoutes:
    """Lists and makes tenants."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["tenants"])
        router.add_api_route(
            "", self.page, name="list_tenants", methods=["GET"], response_model=Envelope[list[TenantView]]
        )
        router.add_api_route(
            "",
            self.create,
            name="create_tenant",
            responses=conflict("The id is taken"),
            methods=["POST"],
            status_code=201,
            response_model=Envelope[TenantCreated],
        )
        return router

    async def page(self, _caller: Operator, page: NumberedPage) -> Envelope[list[TenantView]]:
        """Tenants in the order of their ids."""
        tenants, total = await self._tenants.page(limit=page.limit, page=page.page)
        return many([_view(tenant) for tenant in tenants], total=total, limit=page.limit, page=page.page)

    async def create(self, request: Request, caller: Operator, body: TenantCreate) -> Envelope[TenantCreated]:
        """Make a tenant. This answer is the only one that shows its first key, which may do all within it."""
        tenant, fresh = await self._tenants.create(actor_of(request, caller), body)
        made = TenantCreated(**_view(tenant).model_dump(), key_id=fresh.key.key_id, key=fresh.secret)
        return one(made, "Tenant created; its key is shown only now")


def _view(tenant: Tenant) -> TenantView:
    return TenantView(tenant=tenant.tenant, name=tenant.name, created_at=tenant.created_at)
