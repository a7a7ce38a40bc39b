"""What routes ask of a request: who calls, and which page."""

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
_PAGE = "The number of the page, from 1"
_LIMIT = "How many a page has"
_CURSOR = "`meta.next_cursor` of the page before, in place of `page`: as fast at any depth"
CALLER_KEY = "angarium.caller"
"""Key of the ASGI scope under which the authenticated caller is stored."""
STANDING_KEY = "angarium.standing"
"""Key of the ASGI scope under which the caller's rate-limit state is stored."""
QUERY_PATTERN = "query_pattern"
"""The attribute by which a dependency says which names of query parameters it reads besides those it declares."""
DECIDES_BY_HEAD = "decides_by_head"
"""The attribute of a dependency that refuses a request by its head, before the body is read, and asks for no key."""
PASSES_QUERY = "passes_query"
"""The attribute by which a dependency says that its route hands any query on."""


async def authenticated(request: Request) -> Caller:
    """The caller, whatever it may do; the call is counted once, but for services calling each other.

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
    """As `authenticated`, of the parts of a request; who calls, and how they stand, is left in `scope`."""
    caller = scope[CALLER_KEY] = await authenticator.authenticate(headers)
    if limiter is not None and SERVICE_TOKEN_HEADER not in headers:
        scope[STANDING_KEY] = await limiter.take(caller)
    return caller


def requires_or_own(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """As `requires`; or a user who logged in, where the path's `user_id` is their own, to do all but erase it."""

    async def caller_or_owner(request: Request) -> Caller:
        caller = await authenticated(request)
        if caller.user_id is None or not _is_own(request, caller.user_id):
            caller.require(scope)
        return caller

    setattr(caller_or_owner, SCOPE_MARK, scope)
    return caller_or_owner


def requires_or_user(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """As `requires`; or a user who logged in: the route itself must keep to what is theirs (`caller.user_id`)."""

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
    """A dependency: the caller, who must have `scope`. `caller: Annotated[Caller, Depends(requires(…))]`.

    Raises Unauthorized, Forbidden, ServiceUnavailable.
    """

    async def caller_with_scope(request: Request) -> Caller:
        caller = await authenticated(request)
        caller.require(scope)
        return caller

    setattr(caller_with_scope, SCOPE_MARK, scope)
    return caller_with_scope


async def service_only(request: Request) -> Caller:
    """The caller on whose behalf another service asks: only a good service token opens `/internal/…`.

    Raises Forbidden to a caller with a key or token of its own, Unauthorized to one without.
    """
    caller = await authenticated(request)
    only_for_services(request.headers)
    return caller


def only_for_services(headers: Mapping[str, str]) -> None:
    """Raise Forbidden where a caller shows a key or token of its own."""
    if SERVICE_TOKEN_HEADER not in headers:
        message = "This path is for services"
        raise Forbidden(message)


setattr(authenticated, SCOPE_MARK, None)
setattr(service_only, SERVICE_MARK, True)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which part of a list: page `page` (from 1) of `limit` things, or what follows `cursor`."""

    page: int = 1
    limit: int = 10
    cursor: str | None = None

    @property
    def offset(self) -> int:
        """Number of items before this page."""
        return (self.page - 1) * self.limit


def page_query(
    page: Annotated[int, Query(ge=1, le=HIGHEST_PAGE, description=_PAGE)] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description=_LIMIT)] = 10,
    cursor: Annotated[str | None, Query(max_length=512, description=_CURSOR)] = None,
) -> PageQuery:
    """The page asked for; a wrong one is a 400 that names the parameter."""
    return PageQuery(page, limit, cursor)


Page = Annotated[PageQuery, Depends(page_query)]
"""`page: Page` in a route's signature."""


def numbered_page_query(
    page: Annotated[int, Query(ge=1, le=HIGHEST_PAGE, description=_PAGE)] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description=_LIMIT)] = 10,
) -> PageQuery:
    """As `page_query`, of a list that gives no cursors: one that is given is an unknown parameter."""
    return PageQuery(page, limit)


NumberedPage = Annotated[PageQuery, Depends(numbered_page_query)]
"""`page: NumberedPage` in a route's signature."""
