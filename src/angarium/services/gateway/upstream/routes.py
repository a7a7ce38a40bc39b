"""`/api/v1/users…` and `/api/v1/templates…`, forwarded to their services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.errors import NotFound, ServiceUnavailable
from angarium.contracts.scopes import Scope
from angarium.directory.gateway.changes import change_of
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import Forwarded, ServiceClient, ServiceDown
from angarium.platform.http.frame.dependencies import PASSES_QUERY, authenticated
from angarium.platform.http.frame.openapi import SCOPE_MARK
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.log import AuditLog

COMPILING_SECONDS = 12.0
"""Timeout of calls that compile a template: waiting, starting a child and compiling take up to 10 s on a busy
machine."""
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PREFIX = "/api/v1"
_PREVIEW = "/preview"
_NO_CONTENT = 204
_WRITING_SECONDS = 10.0
"""Timeout of changes: a shorter one would answer 503 for changes that succeed a moment later."""
_SUCCESS = range(200, 300)
_UP = frozenset({".", ".."})
"""Path segments with which a client could leave the service's public paths, since URL libraries resolve them."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A service behind the gateway: `/api/v1/{name}…` is forwarded to its `/{name}…`."""

    name: str
    client: ServiceClient
    read: Scope
    write: Scope
    reading_posts: tuple[str, ...] = ()
    knows_owners: bool = False
    writing_seconds: float = _WRITING_SECONDS

    def check(self, caller: Caller, method: str, path: str) -> None:
        """Raise Forbidden unless the caller has the scope.

        The service checks whether data belongs to a logged-in user.
        """
        if caller.user_id is None or not self.knows_owners:
            caller.require(self.scope_for(method, path))

    def scope_for(self, method: str, path: str) -> Scope:
        """The required scope: read for GET (and for POSTs without changes), otherwise write."""
        if method == "GET" or (method == "POST" and path.endswith(self.reading_posts or ("\0",))):
            return self.read
        return self.write


def routes(*, users: ServiceClient, templates: ServiceClient, audit: AuditLog) -> APIRouter:
    """Forward requests with the caller's identity and scopes, and return answers unchanged."""
    router = APIRouter(include_in_schema=False)
    _pass_on(router, Upstream("users", users, Scope.USERS_READ, Scope.USERS_WRITE, knows_owners=True), audit)
    _pass_on(
        router,
        Upstream(
            "templates",
            templates,
            Scope.TEMPLATES_READ,
            Scope.TEMPLATES_WRITE,
            (_PREVIEW,),
            writing_seconds=COMPILING_SECONDS,
        ),
        audit,
    )
    return router


def _pass_on(router: APIRouter, upstream: Upstream, audit: AuditLog) -> None:
    path, admission = f"{_PREFIX}/{upstream.name}", [Depends(_admission(upstream))]

    @router.api_route(f"{path}/{{rest:path}}", methods=_METHODS, dependencies=admission)
    @router.api_route(path, methods=_METHODS, dependencies=admission)
    async def pass_on(request: Request) -> Response:
        """Forward an admitted request."""
        caller = await authenticated(request)
        try:
            answer = await upstream.client.forward(
                request.method,
                _raw_path(request),
                caller=caller,
                query=request.scope["query_string"].decode("latin-1"),
                body=await request.body(),
                headers=request.headers,
                seconds=None if request.method == "GET" else upstream.writing_seconds,
            )
        except ServiceDown as down:
            message = f"The {upstream.name} service does not answer; try again"
            raise ServiceUnavailable(message) from down
        if answer.status in _SUCCESS:
            await _note(request, caller, answer.body, audit)
        return _answer(answer)


async def _note(request: Request, caller: Caller, answer: bytes, audit: AuditLog) -> None:
    """Write the audit entry of a change."""
    change = change_of(request.method, request.scope["path"].removeprefix(_PREFIX), answer)
    if change is not None:
        await audit.record(actor_of(request, caller), change.action, change.subject)


def _admission(upstream: Upstream) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that returns a caller permitted to use this path of `upstream`.

    Raises Unauthorized, NotFound, Forbidden.
    """

    async def admitted(request: Request) -> Caller:
        caller = await authenticated(request)
        path = request.scope["path"].removeprefix(_PREFIX)
        if not _UP.isdisjoint(path.split("/")):
            raise NotFound
        upstream.check(caller, request.method, path)
        return caller

    setattr(admitted, SCOPE_MARK, None)
    setattr(admitted, PASSES_QUERY, True)
    return admitted


def _raw_path(request: Request) -> str:
    """The path in the client's encoding, so that an escaped slash stays escaped."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0].removeprefix(_PREFIX)


def _answer(forwarded: Forwarded) -> Response:
    headers = dict(forwarded.headers)
    location = headers.get("location")
    if location is not None and location.startswith("/") and not location.startswith(_PREFIX):
        headers["location"] = f"{_PREFIX}{location}"
    if forwarded.status == _NO_CONTENT:
        headers.pop("content-type", None)
        return Response(status_code=_NO_CONTENT, headers=headers)
    return Response(forwarded.body, status_code=forwarded.status, headers=headers)
