"""`/api/v1/providers`: configured providers and their circuit breakers, for those who run the system."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import Forbidden
from angarium.contracts.providers import BreakerChange, ProviderView
from angarium.contracts.scopes import Scope
from angarium.notifications.providers.model import Standing
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.dependencies import NumberedPage, requires
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.providers.use_cases import Providers

PATH = "/api/v1/providers"


async def _operator(caller: Annotated[Caller, Depends(requires(Scope.PROVIDERS_MANAGE))]) -> Caller:
    if caller.tenant != DEFAULT_TENANT:  # all tenants send through the same providers
        raise Forbidden("Only a caller of the default tenant may do this")
    return caller


Operator = Annotated[Caller, Depends(_operator)]


class ProviderRoutes:
    """Lists providers and sets their breakers."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["providers"])
        router.add_api_route(
            "", self.page, name="list_providers", methods=["GET"], response_model=Envelope[list[ProviderView]]
        )
        router.add_api_route(
            "/{provider_id}/breaker",
            self.set_breaker,
            name="set_breaker",
            methods=["POST"],
            response_model=Envelope[ProviderView],
        )
        return router

    async def page(self, _caller: Operator, page: NumberedPage) -> Envelope[list[ProviderView]]:
        """Providers that a worker had configured within the last day, by channel and order of preference."""
        standings = await self._providers.all()
        shown = standings[(page.page - 1) * page.limit : page.page * page.limit]
        return many([_view(one) for one in shown], total=len(standings), limit=page.limit, page=page.page)

    async def set_breaker(
        self, request: Request, caller: Operator, provider_id: UUID, body: BreakerChange
    ) -> Envelope[ProviderView]:
        """Open or close a breaker until further notice; `auto` leaves it to the workers again."""
        after = await self._providers.set_breaker(actor_of(request, caller), provider_id, body)
        return one(_view(after), "Breaker set")


def _view(standing: Standing) -> ProviderView:
    configured = standing.configured
    return ProviderView(
        provider_id=configured.provider_id,
        name=configured.name,
        provider=configured.scheme,
        channel=configured.channel,
        position=configured.position,
        breaker=standing.breaker,
        error_rate=round(standing.faults / standing.answers, 4) if standing.answers else None,
        rate=configured.rate,
        weight=configured.weight,
        forced=standing.forced,
        reason=standing.reason,
        changed_at=standing.changed_at,
        workers=standing.workers,
    )
