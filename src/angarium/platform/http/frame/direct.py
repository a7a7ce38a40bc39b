"""Direct routes, for the busiest endpoints: documented like others, but answered without the framework.

FastAPI's handling of a request and a chain of middleware cost several times as much as validating its body. The
framework can also answer these routes, through the same `respond`; a test checks that both agree.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from time import perf_counter
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from angarium.contracts.errors import Detail, Rejected, ServiceUnavailable, Transient, ValidationFailed
from angarium.contracts.fields import Body
from angarium.contracts.paths import PUBLIC
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Authenticator, Caller
from angarium.platform.http.budget import BodyBudget
from angarium.platform.http.frame.answers import internal_error, refuse
from angarium.platform.http.frame.bodies import (
    DEFAULT_BODY_LIMIT,
    WEIGHED_BYTES,
    BodyRules,
    ClientLeft,
    check_large,
    check_length,
    check_media_type,
    decode_body,
    decode_json,
    read_body,
    too_large,
)
from angarium.platform.http.frame.dependencies import STANDING_KEY, admit, authenticated, only_for_services
from angarium.platform.http.frame.front import end_if_unread
from angarium.platform.http.frame.headers import headers_of
from angarium.platform.http.frame.heads import NO_PARAMETERS
from angarium.platform.http.frame.middleware import NO_SNIFFING, RequestMeter
from angarium.platform.http.frame.validation import details_of
from angarium.platform.http.server.lingering import has_body
from angarium.platform.http.server.protocol import WHOLE_ANSWER
from angarium.platform.identifiers import Identifiers
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.telemetry.correlation import (
    CORRELATION_HEADER,
    TRACEPARENT_HEADER,
    bind_correlation,
    child_traceparent,
    new_correlation_id,
)
from angarium.platform.telemetry.logging import Logger

BodyT = TypeVar("BodyT", bound=BaseModel)
ShapeT = TypeVar("ShapeT")
Headers = Mapping[str, str]
Merge = Callable[[Headers, Any], Any]
Outside = Callable[[Any], int]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_CORRELATION = CORRELATION_HEADER.encode()
_NONE: Mapping[str, Any] = {}


class DirectRoute(APIRoute):
    """A route without path parameters whose endpoint returns a Response."""

    large_needs: bytes | None = None  # what a body over 256 KB must contain, looked for before it is decoded

    @property
    def guards(self) -> tuple[Callable[[Request], Awaitable[Caller]], ...]:
        """The authorization dependency of this route in the framework."""

        async def admitted(request: Request) -> Caller:
            caller = await authenticated(request)
            self.check(caller, request.headers)
            return caller

        return (admitted,)

    def check(self, caller: Caller, headers: Headers) -> None:
        """Raise Forbidden unless `caller` may call this."""
        raise NotImplementedError

    def weigh(self, size: int, content: Any) -> None:
        """Raise PayloadTooLarge if `size` exceeds 256 KB by more than `content` permits (`outside`)."""

    def respond(self, caller: Caller, headers: Headers, content: Any) -> Awaitable[Response]:
        """Answer `caller`; `content` is the decoded body, None if there is none. Raises Rejected, Transient."""
        raise NotImplementedError

    def get_route_handler(self) -> Handler:
        """The handler of this route in the framework."""

        async def handle(request: Request) -> Response:
            caller = await authenticated(request)
            self.check(caller, request.headers)
            body = await request.body()
            content = decode_json(body) if body else None
            self.weigh(len(body), content)
            return await self.respond(caller, request.headers, content)

        return handle


def direct_route(
    model: type[BaseModel],
    scope: Scope,
    *,
    merge: Merge | None = None,
    outside: Outside | None = None,
    needs: bytes | None = None,
) -> type[DirectRoute]:
    """A route class whose endpoint receives `caller` (with `scope`) and `body` (a `model`) as keyword arguments.

    `merge`: adds values from headers to the decoded body before validation. Raises Rejected.
    `outside`: the bytes of a body over 256 KB that do not count towards the limit. `needs`: bytes that such a body must
    contain.
    """

    class ScopedRoute(DirectRoute):
        large_needs = needs

        def weigh(self, size: int, content: Any) -> None:
            if outside is not None and size > DEFAULT_BODY_LIMIT and size - outside(content) > DEFAULT_BODY_LIMIT:
                raise too_large(DEFAULT_BODY_LIMIT)

        def check(self, caller: Caller, headers: Headers) -> None:  # noqa: ARG002
            caller.require(scope)

        def respond(self, caller: Caller, headers: Headers, content: Any) -> Awaitable[Response]:
            merged = content if merge is None else merge(headers, content)
            return self.endpoint(caller=caller, body=validated(model, merged))  # type: ignore[no-any-return]

    return ScopedRoute


class ServiceRoute(DirectRoute):
    """A route for other services.

    Its endpoint receives `caller` (whom the service acts for) and `content` as keyword arguments.
    """

    service_only = True  # SERVICE_MARK

    def check(self, caller: Caller, headers: Headers) -> None:  # noqa: ARG002
        only_for_services(headers)

    def respond(self, caller: Caller, headers: Headers, content: Any) -> Awaitable[Response]:  # noqa: ARG002
        return self.endpoint(caller=caller, content=content)  # type: ignore[no-any-return]


def converted(content: object, shape: type[ShapeT]) -> ShapeT:
    """Convert decoded JSON of another service to the msgspec type `shape`. Raises ValidationFailed."""
    try:
        return msgspec.convert(content, shape)
    except ValueError as error:
        raise ValidationFailed.of("body", str(error)) from None


def validated(model: type[BodyT], content: object) -> BodyT:
    """Validate decoded JSON as a `model`. Raises ValidationFailed with the contract's field paths."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        details = details_of([{**one, "loc": ("body", *one["loc"])} for one in errors])
        raise ValidationFailed(details=[*details, *_further(model, content, details)]) from None


def _further(model: type[BaseModel], content: object, known: Sequence[Detail]) -> Sequence[Detail]:
    """Further errors in `content`, in fields outside of `known`."""
    if not issubclass(model, Body) or not isinstance(content, Mapping):
        return ()
    named = {detail.field for detail in known}
    return [Detail(field, message) for field, message in model.further_faults(content) if field not in named]


class DirectPaths:
    """Replaces the frame's middleware, exception handlers and dependencies for the direct routes of `routers`."""

    def __init__(
        self,
        routers: Sequence[APIRouter],
        *,
        authenticator: Authenticator,
        limiter: RateLimiter | None,
        rules: BodyRules,
        budget: BodyBudget,
        meter: RequestMeter,
        identifiers: Identifiers,
        logger: Logger,
    ) -> None:
        self._authenticator = authenticator
        self._limiter = limiter
        self._rules = rules
        self._budget = budget
        self._meter = meter
        self._identifiers = identifiers
        self._logger = logger
        self._routes = {
            (method, path): route
            for router in routers
            for route in router.routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
            for path in (route.path, f"{route.path}/")
        }

    def find(self, scope: AsgiScope) -> DirectRoute | None:
        """The direct route of the request, if there is one."""
        return self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None

    async def serve(self, route: DirectRoute, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer a request with its `route` from `find`."""
        started = perf_counter()
        status = RequestMeter.CLIENT_LEFT
        headers = headers_of(scope)
        correlation_id = new_correlation_id(headers.get(CORRELATION_HEADER), self._identifiers.new)
        try:
            with bind_correlation(correlation_id, child_traceparent(headers.get(TRACEPARENT_HEADER))):
                answer = await self._answer(route, headers, scope, receive)
                if answer is not None:
                    status = answer.status_code
                    await _send(answer, scope, correlation_id, send)
        finally:
            self._meter.count(scope["method"], route.path_format, status, perf_counter() - started)

    async def _answer(
        self, route: DirectRoute, headers: Headers, scope: AsgiScope, receive: Receive
    ) -> Response | None:
        """None: the client left."""
        state = _State(has_body(headers))
        try:
            return await self._respond(route, headers, scope, receive, state)
        except Rejected as error:
            return end_if_unread(refuse(error), scope, headers, unread=state.unread)
        except Transient as error:
            self._logger.warning("request.unavailable", error=error)
            return end_if_unread(refuse(ServiceUnavailable()), scope, headers, unread=state.unread)
        except ClientLeft:
            return None
        except Exception:
            self._logger.exception("request.failed", method=scope["method"], route=route.path_format)
            return end_if_unread(refuse(internal_error()), scope, headers, unread=state.unread)

    async def _respond(
        self, route: DirectRoute, headers: Headers, scope: AsgiScope, receive: Receive, state: "_State"
    ) -> Response:
        """Check the head, then read the body. Raises Rejected, Transient, ClientLeft."""
        caller = await admit(headers, scope, self._authenticator, self._limiter)
        route.check(caller, headers)
        if scope["query_string"] and route.path.startswith(PUBLIC):
            NO_PARAMETERS.check(scope["query_string"])
        if not state.unread:
            return await route.respond(caller, headers, None)
        limit = self._rules.limit(route.path, guarded=True)
        declared = check_length(headers, limit)
        check_media_type(headers)
        if limit > DEFAULT_BODY_LIMIT and not 0 < declared <= DEFAULT_BODY_LIMIT:
            with self._budget.share(caller.tenant) as share:
                return await self._respond_large(route, caller, headers, await read_body(receive, limit, share), state)
        content = await read_body(receive, min(limit, DEFAULT_BODY_LIMIT))
        state.unread = False
        if len(content) > WEIGHED_BYTES:
            return await route.respond(caller, headers, await decode_body(content))
        return await route.respond(caller, headers, decode_json(content) if content else None)

    async def _respond_large(
        self, route: DirectRoute, caller: Caller, headers: Headers, body: bytes, state: "_State"
    ) -> Response:
        state.unread = False
        check_large(body, route.large_needs)
        content = await decode_body(body) if body else None
        route.weigh(len(body), content)
        del body  # its texts are in memory twice, and the answer may take time
        return await route.respond(caller, headers, content)


class _State:
    """Whether part of the request body is unread."""

    __slots__ = ("unread",)

    def __init__(self, unread: bool) -> None:
        self.unread = unread


async def _send(answer: Response, scope: AsgiScope, correlation_id: str, send: Send) -> None:
    standing = scope.get(STANDING_KEY)
    head = [*answer.raw_headers, *(standing.raw_headers() if standing is not None else ())]
    head.append((_CORRELATION, correlation_id.encode()))
    head.append(NO_SNIFFING)
    closing = answer.status_code >= HTTPStatus.BAD_REQUEST and "connection" in answer.headers
    whole = scope.get("extensions", _NONE).get(WHOLE_ANSWER) if not closing else None
    if whole is None or not whole(scope, answer.status_code, head, answer.body):
        await send({"type": "http.response.start", "status": answer.status_code, "headers": head})
        await send({"type": "http.response.body", "body": answer.body})
