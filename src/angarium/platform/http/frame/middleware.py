"""ASGI middleware of every request: correlation, metrics, errors, trailing slashes."""

from collections.abc import Sequence
from time import perf_counter

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.errors import NotFound, Rejected
from angarium.platform.http.frame.answers import internal_error, refuse
from angarium.platform.http.frame.headers import header
from angarium.platform.http.frame.heads import PUBLIC_KEY
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.correlation import (
    CORRELATION_HEADER,
    TRACEPARENT_HEADER,
    bind_correlation,
    child_traceparent,
    new_correlation_id,
)
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics

NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""Makes browsers trust the Content-Type (Fetch standard, §3.6)."""
UNMATCHED = "unmatched"
"""The route of a request that no route answered."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CORRELATION = CORRELATION_HEADER.encode()
_TRACEPARENT = TRACEPARENT_HEADER.encode()


class CorrelationMiddleware:
    """Reads or creates the correlation id, binds it with the trace, and returns it in the answer."""

    def __init__(self, app: ASGIApp, *, identifiers: Identifiers) -> None:
        self._app = app
        self._identifiers = identifiers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = new_correlation_id(header(scope, _CORRELATION), self._identifiers.new)
        returned = (_CORRELATION, correlation_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                sniffed = not any(name == NO_SNIFFING[0] for name, _ in headers)
                message["headers"] = [*headers, returned, *([NO_SNIFFING] if sniffed else [])]
            await send(message)

        with bind_correlation(correlation_id, child_traceparent(header(scope, _TRACEPARENT))):
            await self._app(scope, receive, send_with_id)


class RequestMeter:
    """Counts and times requests by route template; a client that disconnects before the answer counts as 499."""

    CLIENT_LEFT = 499

    def __init__(self, service: str, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics
        # as many as there are routes, methods and statuses
        self._instruments: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one request that was answered with `status`."""
        key = (method if method in METHODS else "OTHER", template, status)
        instruments = self._instruments.get(key)
        if instruments is None:
            instruments = self._instruments[key] = (
                self._metrics.http_requests_total.labels(self._service, *key),
                self._metrics.http_request_duration_seconds.labels(self._service, *key[:2]),
            )
        instruments[0].inc()
        instruments[1].observe(seconds)


class MetricsMiddleware:
    """Counts every request with `meter`."""

    def __init__(self, app: ASGIApp, *, meter: RequestMeter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status = RequestMeter.CLIENT_LEFT

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._meter.count(scope["method"], route_template(scope), status, perf_counter() - started)


def route_template(scope: Scope) -> str:
    """The template of the route that answered (`/users/{user_id}`), `UNMATCHED` where none did."""
    # FastAPI keeps the prefixes of included routers beside the route, not in it
    context = scope.get("fastapi", {}).get("effective_route_context")
    for route in (context, scope.get("route")):
        template = getattr(route, "path_format", None)
        if template:
            return str(template)
    return UNMATCHED


class FailureMiddleware:
    """Answers unhandled exceptions with a 500. The traceback is logged, not returned."""

    def __init__(self, app: ASGIApp, *, logger: Logger) -> None:
        self._app = app
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Rejected as error:
            if started:
                raise
            await refuse(error)(scope, receive, send)
        except Exception:
            self._logger.exception("request.failed", method=scope["method"], route=route_template(scope))
            if started:
                raise
            await refuse(internal_error())(scope, receive, send)


class TrailingSlashMiddleware:
    """Routes `/path/` as `/path`, without a redirect. A path with a NUL, which databases refuse, matches no route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if "\0" in path:
            await refuse(NotFound())(scope, receive, send)
            return
        if scope["type"] == "http" and len(path) > 1 and path.endswith("/"):
            scope["path"] = path[:-1]
            scope["raw_path"] = scope.get("raw_path", b"").removesuffix(b"/")
        await self._app(scope, receive, send)


class AliasMiddleware:
    """Routes `{prefix}{path}` as `path`, without a redirect, for each of `paths` and the paths below it.

    Such requests are public: `PUBLIC_KEY` in the scope makes the query parameters strict.
    """

    def __init__(self, app: ASGIApp, *, prefix: str, paths: Sequence[str]) -> None:
        self._app = app
        self._prefix = prefix
        self._raw_prefix = prefix.encode()
        self._exact = frozenset(f"{prefix}{path}" for path in paths)
        self._below = tuple(f"{prefix}{path}/" for path in paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and (path in self._exact or path.startswith(self._below)):
            scope["path"] = path.removeprefix(self._prefix)
            scope["raw_path"] = scope.get("raw_path", b"").removeprefix(self._raw_prefix)
            scope[PUBLIC_KEY] = True
        await self._app(scope, receive, send)
