"""`POST /webhooks/{provider}/{token}`: webhooks of providers, authenticated by the token and a signature."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from angarium.channels.receiving import Posted
from angarium.contracts.envelope import Envelope, one
from angarium.contracts.paths import WEBHOOKS
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import DECIDES_BY_HEAD
from angarium.platform.http.frame.openapi import refusals
from angarium.services.gateway.provider_webhooks.use_cases import ProviderWebhooks

PATH = f"{WEBHOOKS}/{{provider}}/{{token}}"
BYTES = 2 * 1024 * 1024
_PROVIDER = Caller(tenant="", name="provider-webhook", scopes=frozenset())
"""The caller of every webhook. It has no tenant: each receipt belongs to the tenant of its notification."""
_BODY = {"requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}}


def routes(webhooks: ProviderWebhooks) -> APIRouter:
    """One route for all providers. The source of the provider reads the body."""
    router = APIRouter(tags=["provider webhooks"])

    async def admitted(request: Request) -> Caller:
        webhooks.admit(request.path_params["provider"], request.path_params["token"])
        return _PROVIDER

    setattr(admitted, DECIDES_BY_HEAD, True)

    @router.post(
        PATH,
        response_model=Envelope[None],
        dependencies=[Depends(admitted)],
        responses=refusals(HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        openapi_extra=_BODY,
    )
    async def receive_provider_webhook(
        request: Request,
        provider: Annotated[str, Path(description="The provider's name: its scheme, or its `&name=`.")],
        token: Annotated[str, Path(description="`ANGARIUM_WEBHOOK_TOKEN`.")],  # noqa: ARG001 - `admitted` checks it
    ) -> Response:
        """Receive a provider's webhook. It is stored durably before the 200.

        The provider's signature is verified in addition to the token. See `docs/providers/receipts.md`.
        """
        posted = Posted(
            headers=dict(request.headers),
            body=await request.body(),
            urls=webhooks.urls(_target(request), _requested_url(request)),
            query=dict(request.query_params),
        )
        read = await webhooks.take(provider, posted)
        if read.answer is not None:
            return Response(read.answer, media_type=read.media_type)
        answer: Envelope[None] = one(None, "Received")
        return Response(answer.model_dump_json(), media_type=read.media_type)

    return router


def _target(request: Request) -> str:
    """Path and query, byte for byte as received: some signatures cover them."""
    scope = request.scope
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _requested_url(request: Request) -> str:
    """The whole URL as the gateway received it. A proxy may have changed scheme or host."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}{_target(request)}"
