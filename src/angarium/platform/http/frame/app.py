"""The frame of every REST service."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from angarium import __version__
from angarium.contracts.errors import Rejected, ServiceUnavailable, Transient, ValidationFailed
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.watched import WatchedAuthenticator
from angarium.platform.http.budget import BodyBudget
from angarium.platform.http.frame.answers import refuse, rejection_of
from angarium.platform.http.frame.bodies import BodyRules
from angarium.platform.http.frame.conditional import NotModifiedMiddleware
from angarium.platform.http.frame.direct import DirectPaths
from angarium.platform.http.frame.front import FrontMiddleware
from angarium.platform.http.frame.heads import Heads
from angarium.platform.http.frame.health import Health
from angarium.platform.http.frame.middleware import (
    AliasMiddleware,
    CorrelationMiddleware,
    FailureMiddleware,
    MetricsMiddleware,
    RequestMeter,
    TrailingSlashMiddleware,
)
from angarium.platform.http.frame.openapi import DocumentedApp, operation_id
from angarium.platform.http.frame.rate_limit import RateLimitMiddleware
from angarium.platform.http.frame.tracing import TracedPaths, TracingMiddleware
from angarium.platform.http.frame.validation import details_of
from angarium.platform.http.pages.docs import docs_routes
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.runtime import Runtime
from angarium.platform.telemetry.logging import Logger

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""Disables the framework's own instrumentation: ours counts requests, and even the check whether it is on has a
cost."""
DOCUMENT_PATH = "/openapi.json"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ServiceApp(DocumentedApp):
    """An app that answers its direct routes before its middleware and router."""

    direct: DirectPaths | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        route = self.direct.find(scope) if self.direct is not None else None
        if self.direct is None or route is None:
            await super().__call__(scope, receive, send)
        else:
            await self.direct.serve(route, scope, receive, send)


def build_app(
    *,
    service: str,
    title: str,
    runtime: Runtime,
    health: Health,
    authenticator: Authenticator,
    limiter: RateLimiter | None = None,
    lifespan: Lifespan | None = None,
    body_limits: Mapping[str, int] | None = None,
    raw_bodies: Sequence[str] = (),
    routers: Sequence[APIRouter] = (),
    innermost: Sequence[Middleware] = (),
    own_document: bool = True,
    fast_paths: bool = True,
    aliases: Mapping[str, Sequence[str]] = MappingProxyType({}),
    outermost: Sequence[Middleware] = (),
) -> ServiceApp:
    """Build a FastAPI app whose answers all follow the contract: envelopes, codes, correlation, limits, probes.

    `body_limits`: bytes by path (default: 256 KB, or 32 KB without authentication); `raw_bodies`: path prefixes whose
    bodies are not JSON; `innermost`, `outermost`: middleware inside and outside of the frame's own, except correlation;
    `own_document`: whether `/openapi.json` is the app's own document, else one of the `routers` serves it; `aliases`:
    paths that are also served below a prefix, by that prefix. Without `fast_paths` the framework also answers the
    direct routes. Routes are declared without a trailing slash; both forms are served. `app.state` holds
    `authenticator`, `clock`, `identifiers`, `logger` and `metrics`.
    """
    clock, identifiers, logger, metrics = runtime.clock, runtime.identifiers, runtime.logger, runtime.metrics
    authenticator = WatchedAuthenticator(authenticator, clock=clock, logger=logger, metrics=metrics)
    rules = BodyRules(body_limits or {}, raw_bodies)
    budget = BodyBudget()
    meter = RequestMeter(service, metrics)
    app = ServiceApp(
        telemetry=_NO_TELEMETRY,
        title=title,
        version=__version__,
        lifespan=lifespan,
        openapi_url=DOCUMENT_PATH if own_document else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        strict_content_type=False,
        routes=[*health.routes(metrics), *docs_routes(title)],
        middleware=list(innermost),
    )
    app.state.authenticator = authenticator
    app.state.limiter = limiter
    app.state.clock = clock
    app.state.identifiers = identifiers
    app.state.logger = logger
    app.state.metrics = metrics
    _handle_errors(app, logger)
    # the last one added is the outermost
    heads = cache(lambda: Heads(app.router.routes, rules))
    app.add_middleware(NotModifiedMiddleware)
    app.add_middleware(FrontMiddleware, heads=heads, budget=budget, logger=logger)
    app.add_middleware(TrailingSlashMiddleware)
    for prefix, paths in aliases.items():
        app.add_middleware(AliasMiddleware, prefix=prefix, paths=paths)
    app.add_middleware(FailureMiddleware, logger=logger)
    if limiter is not None:
        app.add_middleware(RateLimitMiddleware)
    app.add_middleware(MetricsMiddleware, meter=meter)
    for kind, arguments, named in reversed(outermost):
        app.add_middleware(kind, *arguments, **named)
    if runtime.tracing is not None:
        app.add_middleware(TracingMiddleware, tracing=runtime.tracing)
    app.add_middleware(CorrelationMiddleware, identifiers=identifiers)
    for router in routers:
        app.include_router(router)
    if fast_paths:
        answering: Callable[..., DirectPaths] = (
            DirectPaths if runtime.tracing is None else partial(TracedPaths, tracing=runtime.tracing)
        )
        app.direct = answering(
            routers,
            authenticator=authenticator,
            limiter=limiter,
            rules=rules,
            budget=budget,
            meter=meter,
            identifiers=identifiers,
            logger=logger,
        )
    return app


def _handle_errors(app: FastAPI, logger: Logger) -> None:
    async def rejected(_: Request, error: Any) -> Response:
        return refuse(error)

    async def invalid(_: Request, error: Any) -> Response:
        return refuse(ValidationFailed(details=details_of(error.errors())))

    async def framework(_: Request, error: Any) -> Response:
        return refuse(rejection_of(error), error.headers)

    async def transient(_: Request, error: Any) -> Response:
        logger.warning("request.unavailable", error=error)
        return refuse(ServiceUnavailable())

    app.add_exception_handler(Rejected, rejected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Transient, transient)
