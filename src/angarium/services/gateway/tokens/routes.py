"""`/api/v1/auth`: short-lived bearer tokens."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Forbidden
from angarium.contracts.tokens import LoginRequest, TokenIssued, TokenRequest
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.own_tokens import LIFE, OwnTokens
from angarium.platform.http.frame.dependencies import authenticated
from angarium.platform.http.frame.openapi import refusals
from angarium.services.gateway.tokens.use_cases import Logins

PREFIX = "/api/v1/auth"
Known = Annotated[Caller, Depends(authenticated)]


def routes(tokens: OwnTokens, logins: Logins) -> APIRouter:
    """Routes that issue tokens for a key, or for an email and a password."""
    router = APIRouter(prefix=PREFIX, tags=["tokens"])

    def issued(response: Response, caller: Caller) -> Envelope[TokenIssued]:
        response.headers["cache-control"] = "no-store"
        token = TokenIssued(access_token=tokens.sign(caller), expires_in=int(LIFE.total_seconds()))
        return one(token, "Token issued")

    @router.post("/token")
    async def create_token(
        caller: Known, response: Response, body: TokenRequest | None = None
    ) -> Envelope[TokenIssued]:
        """Issue a token with the key's scopes, or fewer, and its identity.

        It outlives a revoked key by at most 15 min.
        """
        if caller.key_id is None:
            message = "Only an API key can be exchanged for a token"
            raise Forbidden(message)
        scopes = caller.scopes if body is None or body.scopes is None else frozenset(body.scopes)
        for scope in scopes:
            caller.require(scope)
        return issued(response, replace(caller, scopes=scopes))

    @router.post("/login", responses=refusals(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS))
    async def log_in(body: LoginRequest, response: Response) -> Envelope[TokenIssued]:
        """Issue a token for a user with a password, valid only for their own data and notifications."""
        return issued(response, await logins.user(body))

    return router
