"""`/api/v1/providers`: configured providers and their circuit breakers, for callers of the default tenant."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.accepted import NotificationAccepted
from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Forbidden
from angarium.contracts.providers import BreakerChange, ProviderTest, ProviderView, ReputationChange
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.short_lists import ShortPage, part_of
from angarium.services.gateway.accepting.acceptance import accepted_answer, origin_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.providers.trying import ProviderTests
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.providers.views import provider_view

PATH = "/api/v1/providers"


async def _operator(caller: Annotated[Caller, Depends(requires(Scope.PROVIDERS_MANAGE))]) -> Caller:
    if caller.tenant != DEFAULT_TENANT:  # all tenants send through the same providers
        raise Forbidden("Only callers of the default tenant may manage providers")
    return caller


Operator = Annotated[Caller, Depends(_operator)]


def routes(providers: Providers, tests: ProviderTests) -> APIRouter:
    """List, set a breaker, pause and resume marketing, and send a test message."""
    router = APIRouter(prefix=PATH, tags=["providers"])

    @router.get("")
    async def list_providers(_caller: Operator, page: ShortPage) -> Envelope[list[ProviderView]]:
        """List the providers that workers have reported within the last day, by channel and order of preference."""
        return part_of([provider_view(standing) for standing in await providers.all()], page)

    @router.post("/{provider_id}/breaker")
    async def set_breaker(
        request: Request, caller: Operator, provider_id: UUID, body: BreakerChange
    ) -> Envelope[ProviderView]:
        """Hold a breaker open or closed. With `auto`, the workers control it again."""
        after = await providers.set_breaker(actor_of(request, caller), provider_id, body)
        return one(provider_view(after), "Breaker set")

    @router.post("/{provider_id}/reputation")
    async def set_reputation(
        request: Request, caller: Operator, provider_id: UUID, body: ReputationChange
    ) -> Envelope[ProviderView]:
        """Keep a provider's marketing paused or active. With `auto`, the workers control it again.

        `auto` also ends a pause; earlier bounces and complaints no longer count.
        """
        after = await providers.set_reputation(actor_of(request, caller), provider_id, body)
        return one(provider_view(after), "Reputation set")

    @router.post("/{provider_id}/test", status_code=HTTPStatus.ACCEPTED, response_model=Envelope[NotificationAccepted])
    async def test_provider(request: Request, caller: Operator, provider_id: UUID, body: ProviderTest) -> Response:
        """Send a test message through exactly this provider, without failover. Not idempotent.

        Returns an accepted notification, whose timeline later has the provider's answer. It waits while the breaker is
        open, and expires after ten minutes.
        """
        accepted = await tests.send(actor_of(request, caller), origin_of(caller), provider_id, body.to)
        return JsonBytes(accepted_answer(accepted), status_code=HTTPStatus.ACCEPTED)

    return router
