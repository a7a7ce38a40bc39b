"""Composes the templates service."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.directory.gateway.reporting import ChangeReports, reporting
from angarium.platform.auth.caller import Authenticator
from angarium.platform.cache.port import Cache
from angarium.platform.database.readiness import EngineReadiness
from angarium.platform.database.replica import Replica
from angarium.platform.http.frame.app import build_app
from angarium.platform.http.frame.health import Health, answers
from angarium.platform.lifecycle import Background
from angarium.platform.loop import run_last_pass
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.runtime import Runtime
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
from angarium.services.templates.versions.routes import routes as version_routes
from angarium.services.templates.versions.store import VersionStore
from angarium.services.templates.versions.use_cases import Versions

SERVICE = "templates"
MIGRATIONS = "angarium.services.templates.migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesParts:
    """The parts of the templates service. The code that opens a part closes it, not the service.

    The schema of `engine` must exist (`MIGRATIONS`). Without `compiling` drafts are compiled in child processes, which
    end with the app's lifespan. `limiter` counts calls by key; `reports` sends clients' changes to the audit log; lists
    are read from `replica`, if there is one.
    """

    runtime: Runtime
    engine: AsyncEngine
    cache: Cache
    authenticator: Authenticator
    compiling: Compiling | None = None
    limiter: RateLimiter | None = None
    reports: ChangeReports | None = None
    replica: Replica | None = None
    fast_paths: bool = True


class TemplatesService:
    """The use cases and the app that serves them. Its loops run in the app's lifespan."""

    def __init__(self, parts: TemplatesParts) -> None:
        self.parts = parts
        self._compilers = Compilers(parts.runtime.clock)
        store, compiled = TemplateStore(parts.engine, replica=parts.replica), CompiledStore(parts.engine)
        drafting = Drafting(parts.compiling or self._compilers, store.fragments)
        announcements = Announcements(parts.cache, parts.runtime.logger)
        self.library = Library(
            store=store,
            drafting=drafting,
            announcements=announcements,
            runtime=parts.runtime,
        )
        self.versions = Versions(
            templates=store,
            versions=VersionStore(parts.engine),
            drafting=drafting,
            announcements=announcements,
            clock=parts.runtime.clock,
        )
        self.previews = Previews(templates=store, compiled=compiled, renderer=Renderer(fast_paths=parts.fast_paths))
        self.compiled = CompiledTemplates(templates=store, compiled=compiled, logger=parts.runtime.logger)
        self.app: FastAPI = self._build_app()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        return build_app(
            service=SERVICE,
            title="Angarium templates",
            runtime=parts.runtime,
            health=_health(parts.engine, parts.cache),
            authenticator=parts.authenticator,
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
        async with Background(self.parts.runtime) as background:
            if reports is not None:
                background.start(reports.backlog)
            yield
        await self._compilers.close()
        if reports is not None:
            await run_last_pass(reports.backlog, self.parts.runtime.logger)


def _health(engine: AsyncEngine, cache: Cache) -> Health:
    checks = {"database": EngineReadiness(engine, MIGRATIONS).problem, "cache": answers(cache.ready)}
    return Health(SERVICE, __version__, checks, optional=frozenset({"cache"}))
