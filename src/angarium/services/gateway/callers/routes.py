"""`/internal/v1`: what the other services ask the gateway."""

from typing import Annotated

from fastapi import APIRouter, Depends

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Unauthorized
from angarium.contracts.keys import VerifyAnswer, VerifyRequest
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.chain import KeyLookup, Tokens, bearer_of
from angarium.platform.http.frame.dependencies import service_only

PATH = "/internal/v1/verify"


class InternalRoutes:
    """Says who is behind a key or token."""

    def __init__(self, keys: KeyLookup, tokens: Tokens) -> None:
        self._keys = keys
        self._tokens = tokens

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route(PATH, self.verify, methods=["POST"], response_model=Envelope[VerifyAnswer])
        return router

    async def verify(
        self, body: VerifyRequest, _service: Annotated[Caller, Depends(service_only)]
    ) -> Envelope[VerifyAnswer]:
        """The caller behind a key or token; 401 for a bad one."""
        caller = await self._caller(body)
        if caller is None:
            raise Unauthorized
        answer = VerifyAnswer(
            tenant=caller.tenant,
            name=caller.name,
            scopes=sorted(caller.scopes),
            key_id=caller.key_id,
            rate_limit=caller.rate_limit,
            test=caller.test,
            user_id=caller.user_id,
            kind=caller.kind,
        )
        return one(answer)

    async def _caller(self, body: VerifyRequest) -> Caller | None:
        if body.bearer is not None:
            return await bearer_of(body.bearer, self._keys, self._tokens)
        return await self._keys(body.api_key or "")
