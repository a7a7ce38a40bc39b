"""The server spans of a REST service. Only an app with tracing has any of this.

Neither the path nor the query is an attribute: preference links and provider webhooks have tokens in them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.platform.http.frame.direct import DirectPaths, DirectRoute, Headers
from angarium.platform.http.frame.headers import header
from angarium.platform.http.frame.middleware import METHODS, UNMATCHED, RequestMeter, route_template
from angarium.platform.telemetry.correlation import TRACEPARENT_HEADER, current_correlation_id
from angarium.platform.telemetry.redaction import scrub
from angarium.platform.telemetry.tracing import Kind, Span, Tracing, Value, spanned

_TRACEPARENT = TRACEPARENT_HEADER.encode()


class TracingMiddleware:
    """A span for each request, below the caller's; inside of the correlation."""

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = RequestMeter.CLIENT_LEFT

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with _request_span(self._tracing, scope["method"], header(scope, _TRACEPARENT)) as span:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                route = route_template(scope)
                if route != UNMATCHED:
                    span.rename(f"{_method(scope['method'])} {route}")
                    span.set("http.route", route)
                _answered(span, status)


class TracedPaths(DirectPaths):
    """Direct routes with a span for each request, from its head until the answer is made."""

    def __init__(self, *arguments: Any, tracing: Tracing, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._tracing = tracing

    async def _answer(self, route: DirectRoute, headers: Headers, scope: Scope, receive: Receive) -> Response | None:
        parent = headers.get(TRACEPARENT_HEADER)
        with _request_span(self._tracing, scope["method"], parent, route.path_format) as span:
            answer = await super()._answer(route, headers, scope, receive)
            _answered(span, RequestMeter.CLIENT_LEFT if answer is None else answer.status_code)
        return answer


@contextmanager
def _request_span(tracing: Tracing, method: str, parent: str | None, route: str = "") -> Iterator[Span]:
    attributes: dict[str, Value] = {"http.request.method": method if method in METHODS else "_OTHER"}
    if route:
        attributes["http.route"] = route
    correlation_id = current_correlation_id()
    if correlation_id is not None:
        attributes["angarium.correlation_id"] = scrub(correlation_id)
    name = f"{_method(method)} {route}" if route else _method(method)
    with spanned(tracing, name, Kind.SERVER, attributes, parent=parent or "") as span:
        yield span


def _method(method: str) -> str:
    """As names have it: they must be few."""
    return method if method in METHODS else "HTTP"


def _answered(span: Span, status: int) -> None:
    span.set("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))
