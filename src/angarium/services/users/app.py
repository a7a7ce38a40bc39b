"""Puts the users service together."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware

from angarium import __version__
from angarium.contracts.addresses import Network
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports, ReportingMiddleware
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLinks, links_of
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
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.contacts.documents import Documents, open_documents
from angarium.services.users.contacts.routes import internal_router
from angarium.services.users.contacts.versions import ReachedVersions
from angarium.services.users.devices.routes import devices_router
from angarium.services.users.erasures.use_cases import Erasures
from angarium.services.users.imports.routes import BYTES as IMPORT_BYTES
from angarium.services.users.imports.routes import PATH as IMPORT_PATH
from angarium.services.users.imports.routes import ImportRoutes
from angarium.services.users.imports.store import ImportJobs
from angarium.services.users.imports.use_cases import Imports
from angarium.services.users.login.routes import login_router
from angarium.services.users.login.use_cases import Logins, LoginThrottle
from angarium.services.users.page.routes import page_router
from angarium.services.users.people.passwords import Passwords
from angarium.services.users.people.routes import users_router
from angarium.services.users.people.store import UserStore
from angarium.services.users.people.use_cases import People
from angarium.services.users.preferences.routes import preferences_router
from angarium.services.users.settings import UsersSettings

SERVICE = "users"
MIGRATIONS = "angarium.services.users.migrations"


def build_app(
    *,
    engine: AsyncEngine,
    cache: Cache,
    authenticator: Authenticator,
    logger: Logger,
    metrics: Metrics,
    clock: Clock,
    identifiers: Identifiers,
    passwords: Passwords | None = None,
    documents: Documents | None = None,
    gateway: ServiceClient | None = None,
    links: PreferenceLinks | None = None,
    mandatory: Collection[str] = (),
    allowed: Sequence[Network] = (),
    limiter: RateLimiter | None = None,
    reports: ChangeReports | None = None,
    fast_paths: bool = True,
) -> FastAPI:
    """The service over parts that the caller opens and closes. The schema must be there (`MIGRATIONS`).

    With `links` the preference page is served; `mandatory` categories cannot be switched off. In `allowed` address
    ranges a webhook may be plain http.
    `limiter` counts calls by key; `reports` takes what clients change here to the audit log.
    Its lifespan writes the cache's copies that were not taken at once, and carries erasures to `gateway` (without one
    they stay due): whoever mounts the app elsewhere enters `app.router.lifespan_context(app)`.
    """
    store = UserStore(engine, documents)
    passwords = passwords or Passwords()
    reached = ReachedVersions(gateway, logger) if gateway is not None else None
    copies = ContactCopies(store, cache, clock, logger, reached)
    jobs = ImportJobs(engine)
    imports = Imports(
        store=store,
        jobs=jobs,
        copies=copies,
        clock=clock,
        identifiers=identifiers,
        logger=logger,
        mandatory=mandatory,
        allowed=allowed,
    )
    erasures = Erasures(engine, gateway, clock, logger, forget=copies.forget) if gateway is not None else None
    people = People(
        store=store,
        copies=copies,
        passwords=passwords,
        clock=clock,
        identifiers=identifiers,
        logger=logger,
        mandatory=mandatory,
        allowed=allowed,
        erased=erasures.hurry if erasures is not None else lambda: None,
    )
    app = build_frame(
        service=SERVICE,
        title="Angarium users",
        logger=logger,
        metrics=metrics,
        health=_health(engine, cache),
        authenticator=authenticator,
        clock=clock,
        identifiers=identifiers,
        limiter=limiter,
        lifespan=_lifespan(copies, erasures, imports, reports, clock, logger),
        routers=[
            internal_router(people),
            ImportRoutes(imports, jobs).router(),
            login_router(),
            users_router(),
            preferences_router(),
            devices_router(),
            page_router(),
        ],
        body_limits={IMPORT_PATH: IMPORT_BYTES},
        raw_bodies=(PAGE_PATH, UNSUBSCRIBE_PATH, IMPORT_PATH),
        fast_paths=fast_paths,
        aliases={"/api/v1": ("/users",)},
    )
    app.state.copies = copies
    app.state.people = people
    app.state.links = links
    app.state.logins = Logins(store=store, passwords=passwords, throttle=LoginThrottle(clock), logger=logger)
    if reports is not None:
        app.user_middleware.append(Middleware(ReportingMiddleware, reports=reports))
    return app


@asynccontextmanager
async def compose(settings: UsersSettings, *, logger: Logger, metrics: Metrics) -> AsyncIterator[FastAPI]:
    """The service as a process of its own, from its settings; closes what it opened. Raises SettingsError."""
    clock = SystemClock()
    token = service_token_of(settings)
    engine = open_engine(
        settings.users_database_url, pool_size=settings.database_pool, setting="ANGARIUM_USERS_DATABASE_URL"
    )
    documents = open_documents(settings.users_database_url, engine, fast_paths=settings.fast)
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
            documents=documents,
            gateway=gateway,
            links=links_of(settings, token, clock),
            mandatory=settings.mandatory_categories,
            fast_paths=settings.fast,
            allowed=settings.callback_allow,
        )
    finally:
        await limiter.close()
        await gateway.close()
        await cache.close()
        await documents.close()
        await engine.dispose()


async def run(settings: UsersSettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is under way. Raises SettingsError."""
    async with compose(settings, logger=logger, metrics=Metrics()) as app:
        await serve(app, settings=settings, port=settings.port, logger=logger, stop=stop)


def _health(engine: AsyncEngine, cache: Cache) -> Health:
    checks = {"database": EngineReadiness(engine, MIGRATIONS).problem, "cache": answers(cache.ready)}
    return Health(SERVICE, __version__, checks, optional=frozenset({"cache"}))


def _lifespan(
    copies: ContactCopies,
    erasures: Erasures | None,
    imports: Imports,
    reports: ChangeReports | None,
    clock: Clock,
    logger: Logger,
) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with Background(logger=logger, clock=clock) as background:
            background.start("contact copies", copies.run)
            if reports is not None:
                background.start("audit", reports.run)
            background.start("contact copies of what was read", copies.run_fill)
            if erasures is not None:
                background.start("erasures", erasures.run)
            try:
                yield
            finally:
                await imports.close()
        if reports is not None:
            await reports.hand_on()

    return lifespan
