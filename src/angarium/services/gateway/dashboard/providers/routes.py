"""`/dashboard/providers`: for operators of the default tenant, since all tenants send through the same providers."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, ValidationFailed
from angarium.contracts.providers import BreakerChange
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.pages import Pages, see
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.providers.views import provider_view

PATH = f"{PREFIX}/providers"


def routes(providers: Providers, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, and set a breaker."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    looks, manages = viewers.requires(), viewers.requires(Scope.PROVIDERS_MANAGE)

    @router.get("")
    async def list_providers(request: Request, caller: Annotated[Caller, Depends(looks)]) -> Response:
        _only_who_runs_the_system(caller)
        rows = [provider_view(standing).model_dump() for standing in await providers.all()]
        shown = [{**row, "provider_id": str(row["provider_id"]), "breaker": row["breaker"].value} for row in rows]
        return pages.page(request, viewer_of(request), "providers", {"rows": shown})

    @router.post("/{provider_id}/breaker")
    async def set_breaker(
        request: Request,
        caller: Annotated[Caller, Depends(manages)],
        provider_id: UUID,
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        _only_who_runs_the_system(caller)
        try:
            change = BreakerChange.model_validate({"state": form.get("state")})
        except ValidationError as error:
            raise ValidationFailed(details=details_of(error.errors())) from None
        await providers.set_breaker(actor_of(request, caller), provider_id, change)
        return see(f"{PATH}?done=breaker_set")

    return router


def _only_who_runs_the_system(caller: Caller) -> None:
    if caller.tenant != DEFAULT_TENANT:
        raise Forbidden("Providers belong to the whole system: only operators of the default tenant see them")
