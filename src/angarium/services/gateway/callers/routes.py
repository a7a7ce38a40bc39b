"""`POST /internal/v1/verify`: identifies callers for the other services."""

from typing import Annotated

from fastapi import APIRouter, Depends

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Unauthorized
from angarium.contracts.keys import VerifyAnswer, VerifyRequest
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.chain import KeyLookup, Tokens, bearer_of
from angarium.platform.http.frame.dependencies import service_only

PATH = "/internal/v1/verify"


def routes(keys: KeyLookup, tokens: Tokens) -> APIRouter:
    """Verify a key or a token."""
    router = APIRouter(include_in_schema=False)

    @router.post(PATH)
    async def verify(body: VerifyRequest, _service: Annotated[Caller, Depends(service_only)]) -> Envelope[VerifyAnswer]:
        """The caller of a key or token; 401 for an invalid one."""
        bearer = body.bearer
        caller = await (keys(body.api_key or "") if bearer is None else bearer_of(bearer, keys, tokens))
        if caller is None:
            raise Unauthorized
        return one(_answer(caller))

    return router


def _answer(caller: Caller) -> VerifyAnswer:
    return VerifyAnswer(
        tenant=caller.tenant,
        name=caller.name,
        scopes=sorted(caller.scopes),
        key_id=caller.key_id,
        rate_limit=caller.rate_limit,
        test=caller.test,
        user_id=caller.user_id,
        kind=caller.kind,
    )
