"""Routes that are documented like any other and answered without the framework's machinery.

FastAPI's own handling of a request costs several times what validating its body does; on the paths that carry the
load the dependency and response layers are left out. The signature stays the one source of the documentation.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Authenticator, Caller
from angarium.platform.http.validation import details_of

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


def _handler(endpoint: Callable[..., Awaitable[Response]], model: type[BaseModel], scope: Scope) -> Handler:
    async def handle(request: Request) -> Response:
        authenticator: Authenticator = request.app.state.authenticator
        caller: Caller = await authenticator.authenticate(request.headers)
        caller.require(scope)
        body = validated(model, decoded(await request.body()))
        return await endpoint(caller=caller, body=body)

    return handle
