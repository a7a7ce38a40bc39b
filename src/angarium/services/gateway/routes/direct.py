"""Routes that are documented like any other and answered without the framework's machinery.

FastAPI's own handling of a request costs several times what validating its body does; on the paths that carry the
load the dependency and response layers are left out. The signature stays the one source of the documentation.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from angarium.contracts.errors import Rejected, ServiceUnavailable, Transient, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.platform.http.answers import refuse
from angarium.platform.http.dependencies import authenticated
from angarium.platform.http.validation import details_of
from angarium.platform.telemetry.logging import Logger

BodyT = TypeVar("BodyT", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def validated(model: type[BodyT], content: object) -> BodyT:
    """`content` (decoded JSON) as a `model`. Raises ValidationFailed with the contract's field paths."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise ValidationFailed(details=details_of([{**one, "loc": ("body", *one["loc"])} for one in errors])) from None


def decoded(body: bytes) -> Any:
    """`body` as JSON. Raises ValidationFailed."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise ValidationFailed.of("body", "is not valid JSON") from None


def direct_route(model: type[BaseModel], scope: Scope) -> type[APIRoute]:
    """A route class whose endpoint gets `caller` (with `scope`) and `body` (a `model`) by name and gives a Response."""

    class DirectRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            return _handler(self.endpoint, model, scope)

    return DirectRoute


class DirectPaths:
    """ASGI: answers the direct routes before the framework looks for them; everything else passes.

    To stand innermost of all middleware, so that the frame is around these paths as around any other.
    """

    def __init__(self, app: ASGIApp, *, routers: Sequence[APIRouter], logger: Logger) -> None:
        self._app = app
        self._logger = logger
        self._routes = {
            (method, route.path): (route, route.get_route_handler())
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], handler = found
        answer = await self._answer(handler, Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, handler: Handler, request: Request) -> Response:
        try:
            return await handler(request)
        except Rejected as error:
            return refuse(error)
        except Transient as error:
            self._logger.warning("request.unavailable", error=type(error).__name__, detail=str(error))
            return refuse(ServiceUnavailable())


def _handler(endpoint: Callable[..., Awaitable[Response]], model: type[BaseModel], scope: Scope) -> Handler:
    async def handle(request: Request) -> Response:
        caller = await authenticated(request)
        caller.require(scope)
        body = validated(model, decoded(await request.body()))
        return await endpoint(caller=caller, body=body)

    return handle
