"""Puts the users service together."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.contracts.addresses import Network
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports, reporting
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLinks, links_of
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
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.contacts.documents import Documents, EngineDocuments, open_documents
from angarium.services.users.contacts.routes import routes as contact_routes
from angarium.services.users.contacts.use_cases import StoredContacts
from angarium.services.users.contacts.versions import ReachedVersions
from angarium.services.users.devices.routes import routes as device_routes
from angarium.services.users.devices.use_cases import Devices
from angarium.services.users.erasures.store import PendingErasures
from angarium.services.users.erasures.use_cases import Erasures
from angarium.services.users.imports.routes import BYTES as IMPORT_BYTES
from angarium.services.users.imports.routes import PATH as IMPORT_PATH
from angarium.services.users.imports.routes import routes as import_routes
from angarium.services.users.imports.store import ImportJobs
from angarium.services.users.imports.use_cases import Imports
from angarium.services.users.login.routes import routes as login_routes
from angarium.services.users.login.use_cases import Logins, LoginThrottle
from angarium.services.users.page.routes import routes as page_routes
from angarium.services.users.people.changes import Changes
from angarium.services.users.people.passwords import Passwords
from angarium.services.users.people.routes import routes as people_routes
from angarium.services.users.people.store import UserStore
from angarium.services.users.people.use_cases import People
from angarium.services.users.preferences.routes import routes as preference_routes
from angarium.services.users.preferences.use_cases import UserPreferences
from angarium.services.users.settings import UsersSettings

SERVICE = "users"
MIGRATIONS = "angarium.services.users.migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersParts:
    """What the users service is made of. Whoever opened a part closes it; the service closes none.

    The schema of `engine` must be there (`MIGRATIONS`). Without a `gateway` erasures stay pending, and without `links`
    no preference page is served. `mandatory` categories cannot be switched off. In `allowed` address ranges a webhook
    may be plain http. `limiter` counts calls by key; `reports` takes what clients change to the audit log.
    """

    engine: AsyncEngine
    cache: Cache
    authenticator: Authenticator
    logger: Logger
    metrics: Metrics
    clock: Clock
    identifiers: Identifiers
    passwords: Passwords = field(default_factory=Passwords)
    documents: Documents | None = None
    gateway: ServiceClient | None = None
    links: PreferenceLinks | None = None
    mandatory: Collection[str] = ()
    allowed: Sequence[Network] = ()
    limiter: RateLimiter | None = None
    reports: ChangeReports | None = None
    fast_paths: bool = True


class UsersService:
    """The use cases over the parts, the app that serves them, and the loops beside it.

    The loops run within the app's lifespan: whoever mounts the app elsewhere enters `app.router.lifespan_context(app)`.
    """

    def __init__(self, parts: UsersParts) -> None:
        self.parts = parts
        store = UserStore(parts.engine)
        self.copies = _copies(parts, store)
        self.erasures = _erasures(parts, self.copies)
        self.contacts = StoredContacts(
            store=store, documents=parts.documents or EngineDocuments(parts.engine), copies=self.copies
        )
        changes = Changes(store=store, copies=self.copies, clock=parts.clock, logger=parts.logger)
        self.people = _people(parts, store, changes, self.copies, self.erasures)
        self.devices = Devices(
            store=store, changes=changes, clock=parts.clock, identifiers=parts.identifiers, logger=parts.logger
        )
        self.preferences = UserPreferences(store=store, changes=changes, mandatory=parts.mandatory)
        self.imports = _imports(parts, store, self.copies)
        self.logins = Logins(
            store=store, passwords=parts.passwords, throttle=LoginThrottle(parts.clock), logger=parts.logger
        )
        self.app: FastAPI = self._build_app()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        return build_app(
            service=SERVICE,
            title="Angarium users",
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
            body_limits={IMPORT_PATH: IMPORT_BYTES},
            raw_bodies=(PAGE_PATH, UNSUBSCRIBE_PATH, IMPORT_PATH),
            fast_paths=parts.fast_paths,
            aliases={"/api/v1": ("/users",)},
        )

    def _routers(self) -> Sequence[APIRouter]:
        return (
            contact_routes(self.contacts, self.devices),
            import_routes(self.imports),
            login_routes(self.logins),
            people_routes(self.people),
            preference_routes(self.preferences),
            device_routes(self.devices),
            page_routes(self.preferences, self.parts.links),
        )

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        reports = self.parts.reports
        async with Background(logger=self.parts.logger, clock=self.parts.clock) as background:
            background.start("contact copies", self.copies.run)
            if reports is not None:
                background.start("audit", reports.run)
            background.start("contact copies of what was read", self.copies.run_fill)
            if self.erasures is not None:
                background.start("erasures", self.erasures.run)
            try:
                yield
            finally:
                await self.imports.close()
        if reports is not None:
            await reports.hand_on()


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
        parts = UsersParts(
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
        yield UsersService(parts).app
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


def _copies(parts: UsersParts, store: UserStore) -> ContactCopies:
    reached = ReachedVersions(parts.gateway, parts.logger) if parts.gateway is not None else None
    return ContactCopies(store, parts.cache, parts.clock, parts.logger, reached)


def _erasures(parts: UsersParts, copies: ContactCopies) -> Erasures | None:
    if parts.gateway is None:
        return None
    pending = PendingErasures(parts.engine)
    return Erasures(pending, parts.gateway, parts.clock, parts.logger, forget=copies.forget)


def _people(
    parts: UsersParts, store: UserStore, changes: Changes, copies: ContactCopies, erasures: Erasures | None
) -> People:
    return People(
        store=store,
        changes=changes,
        copies=copies,
        passwords=parts.passwords,
        clock=parts.clock,
        identifiers=parts.identifiers,
        logger=parts.logger,
        mandatory=parts.mandatory,
        allowed=parts.allowed,
        erased=erasures.hurry if erasures is not None else lambda: None,
    )


def _imports(parts: UsersParts, store: UserStore, copies: ContactCopies) -> Imports:
    return Imports(
        store=store,
        jobs=ImportJobs(parts.engine),
        copies=copies,
        clock=parts.clock,
        identifiers=parts.identifiers,
        logger=parts.logger,
        mandatory=parts.mandatory,
        allowed=parts.allowed,
    )
