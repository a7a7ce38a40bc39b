"""`/api/v1/operators`: accounts of the dashboard, for admins."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.operators import OperatorCreate, OperatorCreated, OperatorView
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.http.frame.short_lists import ShortPage, short_list
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.operators.use_cases import Operators
from angarium.services.gateway.operators.views import operator_created, operator_view

PATH = "/api/v1/operators"
Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]


def routes(operators: Operators) -> APIRouter:
    """List, create, revoke."""
    router = APIRouter(prefix=PATH, tags=["operators"])

    @router.get("")
    async def list_operators(caller: Admin, page: ShortPage) -> Envelope[list[OperatorView]]:
        """List the operators of the caller's tenant, sorted by name."""
        found, total = await operators.page(caller.tenant, limit=page.limit, page=page.page)
        return short_list([operator_view(operator) for operator in found], total=total, page=page)

    @router.post("", status_code=HTTPStatus.CREATED, responses=conflict("An operator has this name"))
    async def create_operator(request: Request, caller: Admin, body: OperatorCreate) -> Envelope[OperatorCreated]:
        """Create an account. A generated password is in this answer only."""
        fresh = await operators.create(actor_of(request, caller), body)
        return one(operator_created(fresh), "Operator created")

    @router.delete("/{operator_id}")
    async def revoke_operator(request: Request, caller: Admin, operator_id: UUID) -> Envelope[None]:
        """Delete an account and end its sessions immediately."""
        await operators.revoke(actor_of(request, caller), operator_id)
        return one(None, "Operator revoked")

    return router
