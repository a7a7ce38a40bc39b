"""Puts the users service together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.development import service_token_of
from angarium.platform.auth.remote import RemoteAuthenticator
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import is_current
from angarium.platform.http.app import Lifespan
from angarium.platform.http.app import build_app as build_frame
from angarium.platform.http.client import ServiceClient
from angarium.platform.http.health import Health
from angarium.platform.http.server import serve
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.users.copies import ContactCopies
from angarium.services.users.documents import Documents, open_documents
from angarium.services.users.passwords import Passwords
from angarium.services.users.people import People
from angarium.services.users.routes.devices import devices_router
from angarium.services.users.routes.internal import internal_router
from angarium.services.users.routes.preferences import preferences_router
from angarium.services.users.routes.users import users_router
from angarium.services.users.settings import UsersSettings
from angarium.services.users.store import UserStore

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
) -> FastAPI:
    """The service over parts that the caller opens and closes. The schema must be there (`MIGRATIONS`).

    Its lifespan writes the cache's copies that were not taken at once: whoever mounts the app elsewhere enters
    `app.router.lifespan_context(app)`.
    """
    store = UserStore(engine, documents)
    copies = ContactCopies(store, cache, clock, logger)
    app = build_frame(
        service=SERVICE,
        title="Angarium users",
        logger=logger,
        metrics=metrics,
        health=_health(engine, cache),
        authenticator=authenticator,
        clock=clock,
        identifiers=identifiers,
        lifespan=_lifespan(copies, clock, logger),
        routers=[internal_router(), users_router(), preferences_router(), devices_router()],
    )
    app.state.people = People(
        store=store,
        copies=copies,
        passwords=passwords or Passwords(),
        clock=clock,
        identifiers=identifiers,
        logger=logger,
    )
    return app


@asynccontextmanager
async def compose(settings: UsersSettings, *, logger: Logger, metrics: Metrics) -> AsyncIterator[FastAPI]:
    """The service as a process of its own, from its settings; closes what it opened. Raises SettingsError."""
    clock = SystemClock()
    token = service_token_of(settings)
    engine = open_engine(
        settings.users_database_url, pool_size=settings.database_pool, setting="ANGARIUM_USERS_DATABASE_URL"
    )
    documents = open_documents(settings.users_database_url, engine)
    cache = open_cache(settings.cache_url, clock=clock, logger=logger)
    gateway = ServiceClient(settings.gateway_url, service_token=token, name="gateway", clock=clock)
    try:
        yield build_app(
            engine=engine,
            cache=cache,
            authenticator=RemoteAuthenticator(gateway, token, clock),
            logger=logger,
            metrics=metrics,
            clock=clock,
            identifiers=Identifiers(clock),
            documents=documents,
        )
    finally:
        await gateway.close()
        await cache.close()
        await documents.close()
        await engine.dispose()


async def run(settings: UsersSettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is under way. Raises SettingsError."""
    async with compose(settings, logger=logger, metrics=Metrics()) as app:
        await serve(app, settings=settings, port=settings.port, logger=logger, stop=stop)


def _health(engine: AsyncEngine, cache: Cache) -> Health:
    async def database() -> bool:
        return await is_current(engine, MIGRATIONS)

    checks = {"database": database, "cache": cache.ready}
    return Health(SERVICE, __version__, checks, optional=frozenset({"cache"}))


def _lifespan(copies: ContactCopies, clock: Clock, logger: Logger) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with Background(logger=logger, clock=clock) as background:
            background.start("contact copies", copies.run)
            background.start("contact copies of what was read", copies.run_fill)
            yield

    return lifespan
