"""Composes the users service."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.contracts.addresses import Network
from angarium.directory.gateway.reporting import ChangeReports, reporting
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLinks
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.passwords import Passwords
from angarium.platform.auth.throttle import LoginThrottle
from angarium.platform.cache.port import Cache
from angarium.platform.database.readiness import EngineReadiness
from angarium.platform.database.replica import Replica
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.app import build_app
from angarium.platform.http.frame.health import Health, answers
from angarium.platform.lifecycle import Background
from angarium.platform.loop import run_last_pass
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.runtime import Runtime
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.contacts.documents import Documents, EngineDocuments
from angarium.services.users.contacts.routes import routes as contact_routes
from angarium.services.users.contacts.use_cases import StoredContacts
from angarium.services.users.contacts.versions import ReachedVersions
from angarium.services.users.dead_devices.routes import routes as dead_device_routes
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
from angarium.services.users.login.use_cases import Logins
from angarium.services.users.page.routes import routes as page_routes
from angarium.services.users.people.changes import Changes
from angarium.services.users.people.routes import routes as people_routes
from angarium.services.users.people.store import UserStore
from angarium.services.users.people.use_cases import People
from angarium.services.users.preferences.routes import routes as preference_routes
from angarium.services.users.preferences.use_cases import UserPreferences

SERVICE = "users"
MIGRATIONS = "angarium.services.users.migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersParts:
    """The parts of the users service. The code that opens a part closes it, not the service.

    The schema of `engine` must exist (`MIGRATIONS`). Without a `gateway` erasures stay pending, and without `links`
    there is no preference page. `mandatory` categories cannot be disabled; the page shows `sender`. In `allowed`
    address ranges a webhook may be plain http. `limiter` counts calls by key; `reports` sends clients' changes to the
    audit log; lists are read from `replica`, if there is one.
    """

    runtime: Runtime
    engine: AsyncEngine
    cache: Cache
    authenticator: Authenticator
    passwords: Passwords = field(default_factory=Passwords)
    documents: Documents | None = None
    gateway: ServiceClient | None = None
    links: PreferenceLinks | None = None
    mandatory: Collection[str] = ()
    sender: str = "Angarium"
    allowed: Sequence[Network] = ()
    limiter: RateLimiter | None = None
    reports: ChangeReports | None = None
    replica: Replica | None = None
    fast_paths: bool = True


class UsersService:
    """The use cases, the app that serves them, and the background loops.

    The loops run in the app's lifespan: code that mounts the app elsewhere must enter
    `app.router.lifespan_context(app)`.
    """

    def __init__(self, parts: UsersParts) -> None:
        self.parts = parts
        store = UserStore(parts.engine, replica=parts.replica)
        self.copies = _copies(parts, store)
        self.erasures = _erasures(parts, self.copies)
        self.contacts = StoredContacts(
            store=store, documents=parts.documents or EngineDocuments(parts.engine), copies=self.copies
        )
        changes = Changes(store=store, copies=self.copies, runtime=parts.runtime)
        self.people = _people(parts, store, changes, self.copies, self.erasures)
        self.devices = Devices(store=store, changes=changes, runtime=parts.runtime)
        self.preferences = UserPreferences(store=store, changes=changes, mandatory=parts.mandatory)
        self.imports = _imports(parts, store, self.copies)
        self.logins = Logins(
            store=store,
            passwords=parts.passwords,
            throttle=LoginThrottle(parts.runtime.clock),
            logger=parts.runtime.logger,
        )
        self.app: FastAPI = self._build_app()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        return build_app(
            service=SERVICE,
            title="Angarium users",
            runtime=parts.runtime,
            health=_health(parts.engine, parts.cache),
            authenticator=parts.authenticator,
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
            contact_routes(self.contacts),
            dead_device_routes(self.devices),
            import_routes(self.imports),
            login_routes(self.logins),
            people_routes(self.people),
            preference_routes(self.preferences),
            device_routes(self.devices),
            page_routes(self.preferences, self.parts.links, self.parts.sender, self.parts.mandatory),
        )

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        reports = self.parts.reports
        async with Background(self.parts.runtime) as background:
            background.start(self.copies.repairs, self.copies.fills)
            if reports is not None:
                background.start(reports.backlog)
            if self.erasures is not None:
                background.start(self.erasures)
            try:
                yield
            finally:
                await self.imports.close()
        if reports is not None:
            await run_last_pass(reports.backlog, self.parts.runtime.logger)


def _health(engine: AsyncEngine, cache: Cache) -> Health:
    checks = {"database": EngineReadiness(engine, MIGRATIONS).problem, "cache": answers(cache.ready)}
    return Health(SERVICE, __version__, checks, optional=frozenset({"cache"}))


def _copies(parts: UsersParts, store: UserStore) -> ContactCopies:
    reached = ReachedVersions(parts.gateway, parts.runtime.logger) if parts.gateway is not None else None
    return ContactCopies(store, parts.cache, parts.runtime, reached)


def _erasures(parts: UsersParts, copies: ContactCopies) -> Erasures | None:
    if parts.gateway is None:
        return None
    pending = PendingErasures(parts.engine)
    return Erasures(pending, parts.gateway, parts.runtime, forget=copies.forget)


def _people(
    parts: UsersParts, store: UserStore, changes: Changes, copies: ContactCopies, erasures: Erasures | None
) -> People:
    return People(
        store=store,
        changes=changes,
        copies=copies,
        passwords=parts.passwords,
        runtime=parts.runtime,
        mandatory=parts.mandatory,
        allowed=parts.allowed,
        erased=erasures.wake if erasures is not None else lambda: None,
    )


def _imports(parts: UsersParts, store: UserStore, copies: ContactCopies) -> Imports:
    return Imports(
        store=store,
        jobs=ImportJobs(parts.engine),
        copies=copies,
        runtime=parts.runtime,
        mandatory=parts.mandatory,
        allowed=parts.allowed,
    )
