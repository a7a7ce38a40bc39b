"""Dependencies of routes: the caller, and the page of a list."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.types import Scope as AsgiScope

from angarium.contracts.errors import Forbidden
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Authenticator, Caller
from angarium.platform.http.frame.openapi import SCOPE_MARK, SERVICE_MARK
from angarium.platform.rate_limit.limiter import RateLimiter

HIGHEST_PAGE = 1_000_000
PAGE = "The number of the page, from 1"
LIMIT = "How many a page has"
CURSOR = "`meta.next_cursor` of the page before, in place of `page`: as fast at any depth"
CALLER_KEY = "angarium.caller"
"""Key of the ASGI scope under which the authenticated caller is stored."""
STANDING_KEY = "angarium.standing"
"""Key of the ASGI scope under which the caller's rate-limit state is stored."""
QUERY_PATTERN = "query_pattern"
"""Attribute of a dependency: a pattern of query parameters that it reads besides those it declares."""
DECIDES_BY_HEAD = "decides_by_head"
"""Attribute of a dependency that can reject a request by its head, before the body is read, without a key."""
PASSES_QUERY = "passes_query"
"""Attribute of a dependency whose route forwards any query."""


async def authenticated(request: Request) -> Caller:
    """The caller, whatever its scopes.

    The call counts once towards its rate limit, unless it comes from another service.

    Raises Unauthorized; RateLimited; ServiceUnavailable.
    """
    known: Caller | None = request.scope.get(CALLER_KEY)
    if known is not None:
        return known
    state = request.app.state
    return await admit(request.headers, request.scope, state.authenticator, state.limiter)


async def admit(
    headers: Mapping[str, str], scope: AsgiScope, authenticator: Authenticator, limiter: RateLimiter | None
) -> Caller:
    """As `authenticated`, for the parts of a request. Stores the caller and its rate-limit state in `scope`."""
    caller = scope[CALLER_KEY] = await authenticator.authenticate(headers)
    if limiter is not None and SERVICE_TOKEN_HEADER not in headers:
        scope[STANDING_KEY] = await limiter.take(caller)
    return caller


def requires_or_own(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """As `requires`, but also admits a logged-in user whose id is the path's `user_id`, except for erasure."""

    async def caller_or_owner(request: Request) -> Caller:
        caller = await authenticated(request)
        if caller.user_id is None or not _is_own(request, caller.user_id):
            caller.require(scope)
        return caller

    setattr(caller_or_owner, SCOPE_MARK, scope)
    return caller_or_owner


def requires_or_user(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """As `requires`, but also admits a logged-in user: the route itself must restrict access to `caller.user_id`."""

    async def caller_or_user(request: Request) -> Caller:
        caller = await authenticated(request)
        if caller.user_id is None:
            caller.require(scope)
        return caller

    setattr(caller_or_user, SCOPE_MARK, scope)
    return caller_or_user


def _is_own(request: Request, user_id: UUID) -> bool:
    named = request.path_params
    whole = request.method == "DELETE" and named.keys() == {"user_id"}
    return str(named.get("user_id", "")).lower() == str(user_id) and not whole


def requires(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that returns the caller, who must have `scope`. `caller: Annotated[Caller, Depends(requires(…))]`.

    Raises Unauthorized, Forbidden, ServiceUnavailable.
    """

    async def caller_with_scope(request: Request) -> Caller:
        caller = await authenticated(request)
        caller.require(scope)
        return caller

    setattr(caller_with_scope, SCOPE_MARK, scope)
    return caller_with_scope


async def service_only(request: Request) -> Caller:
    """The caller on whose behalf another service calls: `/internal/…` requires a valid service token.

    Raises Forbidden for a caller with its own key or token, Unauthorized for one without.
    """
    caller = await authenticated(request)
    only_for_services(request.headers)
    return caller


def only_for_services(headers: Mapping[str, str]) -> None:
    """Raise Forbidden if a caller presents its own key or token."""
    if SERVICE_TOKEN_HEADER not in headers:
        message = "This path is for services"
        raise Forbidden(message)


setattr(authenticated, SCOPE_MARK, None)
setattr(service_only, SERVICE_MARK, True)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The requested part of a list: page `page` (from 1) of `limit` items, or the items after `cursor`."""

    page: int = 1
    limit: int = 10
    cursor: str | None = None

    @property
    def offset(self) -> int:
        """Number of items before this page."""
        return (self.page - 1) * self.limit


def page_query(
    page: Annotated[int, Query(ge=1, le=HIGHEST_PAGE, description=PAGE)] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description=LIMIT)] = 10,
    cursor: Annotated[str | None, Query(max_length=512, description=CURSOR)] = None,
) -> PageQuery:
    """The requested page; an invalid one is a 400 that names the parameter."""
    return PageQuery(page, limit, cursor)


Page = Annotated[PageQuery, Depends(page_query)]
"""`page: Page` in a route's signature."""
