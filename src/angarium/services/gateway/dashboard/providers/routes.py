"""`/dashboard/providers`. Only for operators of the default tenant, because all tenants share the providers."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, ValidationFailed
from angarium.contracts.providers import BreakerChange, ProviderView, ReputationChange
from angarium.contracts.scopes import Scope
from angarium.notifications.providers.reputation import percent
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.pages import Pages, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.providers.views import provider_view

PATH = f"{PREFIX}/providers"
ChangeT = TypeVar("ChangeT", bound=BaseModel)


def routes(providers: Providers, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, set a breaker, pause and resume marketing."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    signed_in, manages = viewers.requires(), viewers.requires(Scope.PROVIDERS_MANAGE)

    @router.get("")
    async def list_providers(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
        _require_default_tenant(caller)
        shown = [_row(provider_view(standing)) for standing in await providers.all()]
        return pages.page(request, viewer_of(request), "providers", {"rows": shown})

    @router.post("/{provider_id}/breaker")
    async def set_breaker(
        request: Request,
        caller: Annotated[Caller, Depends(manages)],
        provider_id: UUID,
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        _require_default_tenant(caller)
        await providers.set_breaker(actor_of(request, caller), provider_id, _change(BreakerChange, form))
        return redirect(f"{PATH}?done=breaker_set")

    @router.post("/{provider_id}/reputation")
    async def set_reputation(
        request: Request,
        caller: Annotated[Caller, Depends(manages)],
        provider_id: UUID,
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        _require_default_tenant(caller)
        await providers.set_reputation(actor_of(request, caller), provider_id, _change(ReputationChange, form))
        return redirect(f"{PATH}?done=breaker_set")

    return router


def _change(model: type[ChangeT], form: Mapping[str, str]) -> ChangeT:
    """The change in a form's field `state`. Raises ValidationFailed."""
    try:
        return model.model_validate({"state": form.get("state")})
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None


def _row(view: ProviderView) -> dict[str, Any]:
    """A provider's row on the page. Rates are formatted as percentages."""
    reputation = view.reputation
    rates = {"bounces": reputation.bounce_rate, "complaints": reputation.complaint_rate}
    return {
        **view.model_dump(),
        "provider_id": str(view.provider_id),
        "breaker": view.breaker.value,
        "reputation": {**reputation.model_dump(), "state": reputation.state.value},
        **{name: None if rate is None else percent(rate) for name, rate in rates.items()},
    }


def _require_default_tenant(caller: Caller) -> None:
    if caller.tenant != DEFAULT_TENANT:
        raise Forbidden("Only operators of the default tenant can see the providers, which all tenants share")
