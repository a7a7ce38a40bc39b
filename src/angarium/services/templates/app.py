"""Puts the templates service together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports, reporting
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.development import service_token_of
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.readiness import EngineReadiness
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.app import build_app
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
from angarium.services.templates.compiled.routes import routes as compiled_routes
from angarium.services.templates.compiled.store import CompiledStore
from angarium.services.templates.compiled.use_cases import CompiledTemplates
from angarium.services.templates.drafting.compiling import Compilers, Compiling
from angarium.services.templates.drafting.use_cases import Drafting
from angarium.services.templates.library.announcements import Announcements
from angarium.services.templates.library.routes import routes as library_routes
from angarium.services.templates.library.store import TemplateStore
from angarium.services.templates.library.use_cases import Library
from angarium.services.templates.previews.routes import routes as preview_routes
from angarium.services.templates.previews.use_cases import Previews
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.templates.versions.routes import routes as version_routes
from angarium.services.templates.versions.store import VersionStore
from angarium.services.templates.versions.use_cases import Versions

SERVICE = "templates"
MIGRATIONS = "angarium.services.templates.migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesParts:
    """What the templates service is made of. Whoever opened a part closes it; the service closes none.

    The schema of `engine` must be there (`MIGRATIONS`). Without `compiling` drafts are compiled in child processes,
    which end with the app's lifespan. `limiter` counts calls by key; `reports` takes what clients change to the audit
    log.
    """

    engine: AsyncEngine
    cache: Cache
    authenticator: Authenticator
    logger: Logger
    metrics: Metrics
    clock: Clock
    identifiers: Identifiers
    compiling: Compiling | None = None
    limiter: RateLimiter | None = None
    reports: ChangeReports | None = None
    fast_paths: bool = True


class TemplatesService:
    """The use cases over the parts, and the app that serves them. Its loops run within the app's lifespan."""

    def __init__(self, parts: TemplatesParts) -> None:
        self.parts = parts
        self._compilers = Compilers(parts.clock)
        store, compiled = TemplateStore(parts.engine), CompiledStore(parts.engine)
        drafting = Drafting(parts.compiling or self._compilers, store.fragments)
        announcements = Announcements(parts.cache, parts.logger)
        self.library = Library(
            store=store,
            drafting=drafting,
            announcements=announcements,
            clock=parts.clock,
            identifiers=parts.identifiers,
            logger=parts.logger,
        )
        self.versions = Versions(
            templates=store,
            versions=VersionStore(parts.engine),
            drafting=drafting,
            announcements=announcements,
            clock=parts.clock,
        )
        self.previews = Previews(templates=store, compiled=compiled, renderer=Renderer(fast_paths=parts.fast_paths))
        self.compiled = CompiledTemplates(templates=store, compiled=compiled, logger=parts.logger)
        self.app: FastAPI = self._build_app()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        return build_app(
            service=SERVICE,
            title="Angarium templates",
            logger=parts.logger,
            metrics=parts.metrics,
            health=_health(parts.engine, parts.cache),
            authenticator=parts.authenticator,
            clock=parts.clock,
            identifiers=parts.identifiers,
            limiter=parts.limiter,
            lifespan=self._lifespan,
            routers=self._routers(),
            innermost=reporting(parts.reports),
            fast_paths=parts.fast_paths,
            aliases={"/api/v1": ("/templates",)},
        )

    def _routers(self) -> Sequence[APIRouter]:
        return (
            library_routes(self.library),
            preview_routes(self.previews),
            version_routes(self.versions),
            compiled_routes(self.compiled),
        )

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        reports = self.parts.reports
        async with Background(logger=self.parts.logger, clock=self.parts.clock) as background:
            if reports is not None:
                background.start("audit", reports.run)
            yield
        await self._compilers.close()
        if reports is not None:
            await reports.hand_on()


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
        parts = TemplatesParts(
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
        yield TemplatesService(parts).app
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
