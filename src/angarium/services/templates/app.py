"""Puts the templates service together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware

from angarium import __version__
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports, ReportingMiddleware
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.development import service_token_of
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.readiness import EngineReadiness
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.app import Lifespan
from angarium.platform.http.frame.app import build_app as build_frame
from angarium.platform.http.frame.health import Health, answers
from angarium.platform.http.server.server import serve
from angarium.platform.http.server.tls import client_context
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.opening import open_limiter
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer
from angarium.services.templates.compiled.routes import internal_router
from angarium.services.templates.drafting.compiling import Compilers, Compiling
from angarium.services.templates.drafting.use_cases import Drafting
from angarium.services.templates.library.routes import templates_router
from angarium.services.templates.library.store import TemplateStore
from angarium.services.templates.library.use_cases import Library
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.templates.versions.routes import versions_router

SERVICE = "templates"
MIGRATIONS = "angarium.services.templates.migrations"


def build_app(
    *,
    engine: AsyncEngine,
    cache: Cache,
    authenticator: Authenticator,
    logger: Logger,
    metrics: Metrics,
    clock: Clock,
    identifiers: Identifiers,
    compiling: Compiling | None = None,
    limiter: RateLimiter | None = None,
    reports: ChangeReports | None = None,
    fast_paths: bool = True,
) -> FastAPI:
    """The service over parts that the caller opens and closes. The schema must be there (`MIGRATIONS`).

    `limiter` counts calls by key; `reports` takes what clients change here to the audit log, from the app's lifespan.
    Without `compiling` drafts are compiled in child processes, which end with the app's lifespan.
    """
    compilers = Compilers(clock)
    app = build_frame(
        service=SERVICE,
        title="Angarium templates",
        logger=logger,
        metrics=metrics,
        health=_health(engine, cache),
        authenticator=authenticator,
        clock=clock,
        identifiers=identifiers,
        limiter=limiter,
        lifespan=_lifespan(reports, compilers, clock, logger),
        routers=[templates_router(), versions_router(), internal_router()],
        fast_paths=fast_paths,
        aliases={"/api/v1": ("/templates",)},
    )
    store = TemplateStore(engine)
    app.state.library = Library(
        store=store,
        drafting=Drafting(compiling or compilers, store.fragments),
        renderer=Renderer(fast_paths=fast_paths),
        cache=cache,
        clock=clock,
        identifiers=identifiers,
        logger=logger,
    )
    if reports is not None:
        app.user_middleware.append(Middleware(ReportingMiddleware, reports=reports))
    return app


@asynccontextmanager
async def compose(settings: TemplatesSettings, *, logger: Logger, metrics: Metrics) -> AsyncIterator[FastAPI]:
    """The service as a process of its own, from its settings; closes what it opened. Raises SettingsError."""
    clock = SystemClock()
    token = service_token_of(settings)
    engine = open_engine(
        settings.templates_database_url, pool_size=settings.database_pool, setting="ANGARIUM_TEMPLATES_DATABASE_URL"
    )
    cache = open_cache(settings.cache_url, clock=clock, logger=logger)
    gateway = ServiceClient(
        settings.gateway_url,
        service_token=token,
        name="gateway",
        tls=client_context(settings),
        clock=clock,
        fast_paths=settings.fast,
    )
    limiter = open_limiter(settings.rate_limit, settings.cache_url, clock=clock, logger=logger, metrics=metrics)
    identifiers = Identifiers(clock)
    try:
        yield build_app(
            engine=engine,
            cache=cache,
            authenticator=RemoteAuthenticator(gateway, token, clock),
            logger=logger,
            metrics=metrics,
            clock=clock,
            identifiers=identifiers,
            limiter=limiter,
            reports=ChangeReports(gateway, clock, identifiers, logger),
            fast_paths=settings.fast,
        )
    finally:
        await limiter.close()
        await gateway.close()
        await cache.close()
        await engine.dispose()


async def run(settings: TemplatesSettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is under way. Raises SettingsError."""
    async with compose(settings, logger=logger, metrics=Metrics()) as app:
        await serve(app, settings=settings, port=settings.port, logger=logger, stop=stop)


def _health(engine: AsyncEngine, cache: Cache) -> Health:
    checks = {"database": EngineReadiness(engine, MIGRATIONS).problem, "cache": answers(cache.ready)}
    return Health(SERVICE, __version__, checks, optional=frozenset({"cache"}))


def _lifespan(reports: ChangeReports | None, compilers: Compilers, clock: Clock, logger: Logger) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with Background(logger=logger, clock=clock) as background:
            if reports is not None:
                background.start("audit", reports.run)
            yield
        await compilers.close()
        if reports is not None:
            await reports.hand_on()

    return lifespan
