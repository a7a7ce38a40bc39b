"""One process `angarium serve gateway`: opens what the settings name, runs it, closes it in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import Transient
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.directory.contacts import RestContacts
from angarium.directory.templates import RestTemplates
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.crashing import with_crash_point
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.reader import NotificationReader
from angarium.notifications.topology import topology_of
from angarium.platform.auth.development import development_api_key, service_token_of
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.opening import open_broker
from angarium.platform.cache.opening import open_cache
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.server.server import serve
from angarium.platform.http.server.tls import client_context
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.rate_limit.opening import open_limiter
from angarium.platform.settings.sources import wrong
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.app import Gateway
from angarium.services.gateway.callbacks.opening import open_sender
from angarium.services.gateway.mailbox.routes import routes as mailbox_routes
from angarium.services.gateway.mailbox.smtp_catcher import SmtpCatcher
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.services.gateway.mailbox_page.routes import routes as mailbox_page_routes
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.retention import Periods
from angarium.services.gateway.settings import GatewaySettings, acceptance_rules

SEED_PAUSE = 1.0
InProcess = Callable[[], httpx2.AsyncBaseTransport]
"""Makes the transport to a service in the same process."""
DirectoryT = TypeVar("DirectoryT", RestContacts, RestTemplates)


@dataclass(frozen=True, slots=True)
class Running:
    """A composed gateway. `api_key`: the seeded key, for the one who started it to print."""

    gateway: Gateway
    api_key: str | None = field(repr=False)


@asynccontextmanager
async def compose(
    settings: GatewaySettings, *, logger: Logger, in_process: InProcess | None = None
) -> AsyncIterator[Running]:
    """A gateway with its loops running; on exit it drains, then closes every connection.

    Leave the context only after the server has stopped. With `in_process` the users and templates services are called
    through it, and the built-in catcher listens for SMTP. Raises SettingsError.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        parts = await _open_parts(settings, stack, clock, logger, in_process)
        gateway = Gateway(parts)
        stack.push_async_callback(gateway.drain)
        background = await stack.enter_async_context(Background(logger=logger, clock=clock))
        gateway.start(background)
        api_key = _api_key(settings)
        if api_key is not None:
            background.start("seed", Seeding(gateway, api_key, clock, logger).run)
        yield Running(gateway, api_key)


async def run(settings: GatewaySettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, finish what is under way, drain, close. Raises SettingsError."""
    async with compose(settings, logger=logger) as running:
        await serve(running.gateway.app, settings=settings, port=settings.port, logger=logger, stop=stop)


class Seeding:
    """Seeds the API key, however long the database takes to be there; then rests."""

    def __init__(self, gateway: Gateway, api_key: str, clock: Clock, logger: Logger) -> None:
        self._gateway = gateway
        self._api_key = api_key
        self._clock = clock
        self._logger = logger

    async def run(self) -> None:
        """Seed once. Never returns, so that nobody runs it again: a key revoked later stays revoked."""
        while not await self.seed_once():
            await self._clock.sleep(SEED_PAUSE)
        await asyncio.Event().wait()

    async def seed_once(self) -> bool:
        """Whether the key is there now."""
        try:
            await self._gateway.keys.seed(self._api_key)
        except Transient as error:
            self._logger.warning("keys.not_seeded", error=type(error).__name__)
            return False
        self._gateway.ring.forget()
        return True


async def _open_parts(
    settings: GatewaySettings, stack: AsyncExitStack, clock: Clock, logger: Logger, in_process: InProcess | None
) -> GatewayParts:
    identifiers, metrics = Identifiers(clock), Metrics()
    token = service_token_of(settings)
    engine, store = _open_database(settings, stack, clock)
    broker = open_broker(settings.broker_url, clock=clock, logger=logger)
    stack.push_async_callback(broker.close)
    cache = open_cache(settings.cache_url, clock=clock, logger=logger)
    stack.push_async_callback(cache.close)
    users = _client(settings, settings.users_url, "users", stack, in_process)
    templates = _client(settings, settings.templates_url, "templates", stack, in_process)
    limiter = open_limiter(settings.rate_limit, settings.cache_url, clock=clock, logger=logger, metrics=metrics)
    stack.push_async_callback(limiter.close)
    caught = await _open_mailbox(settings, stack, clock, identifiers)
    catch_smtp = in_process is not None and settings.mailbox_smtp_port != 0
    return GatewayParts(
        store=store,
        reader=NotificationReader(engine, replica=_reading_engine(settings, stack)),
        engine=engine,
        providers=ProviderStore(engine, clock),
        broker=broker,
        topology=topology_of(settings),
        cache=cache,
        contacts=await _listening(RestContacts(users, cache, clock, versions=store, metrics=metrics), stack),
        templates=WithBuiltIn(await _listening(RestTemplates(templates, cache, clock, metrics=metrics), stack)),
        users_client=users,
        templates_client=templates,
        tokens=TokenVerifier(settings, clock),
        service_token=token,
        auth=settings.auth,
        limiter=limiter,
        rules=acceptance_rules(settings),
        fast_paths=settings.fast,
        callbacks=open_sender(settings, stack, clock),
        periods=Periods(prune=settings.retention, redact=settings.redact_after),
        logger=logger,
        metrics=metrics,
        clock=clock,
        identifiers=identifiers,
        mailbox=(mailbox_routes(caught), mailbox_page_routes(caught)) if caught is not None else (),
        caught=caught,
        smtp_port=await _catch_smtp(settings, caught, stack, logger) if caught is not None and catch_smtp else None,
    )


def _open_database(
    settings: GatewaySettings, stack: AsyncExitStack, clock: Clock
) -> tuple[AsyncEngine, NotificationStore]:
    url, pool_size = settings.notifications_database_url, settings.database_pool
    engine = open_engine(url, pool_size=pool_size, setting="ANGARIUM_NOTIFICATIONS_DATABASE_URL")
    stack.push_async_callback(engine.dispose)
    store = open_store(url, pool_size=pool_size, clock=clock, status_events=settings.status_events == "on")
    stack.push_async_callback(store.close)
    return engine, with_crash_point(store, settings.crash_at)


def _reading_engine(settings: GatewaySettings, stack: AsyncExitStack) -> AsyncEngine | None:
    """The replica for status queries and lists, if there is one."""
    url = settings.notifications_read_database_url
    if url is None:
        return None
    engine = open_engine(url, pool_size=settings.database_pool, setting="ANGARIUM_NOTIFICATIONS_READ_DATABASE_URL")
    stack.push_async_callback(engine.dispose)
    return engine


async def _listening(directory: DirectoryT, stack: AsyncExitStack) -> DirectoryT:
    """The directory, told of every change from now on."""
    await stack.enter_async_context(directory.listening())
    return directory


def _client(
    settings: GatewaySettings, url: str, name: str, stack: AsyncExitStack, in_process: InProcess | None
) -> ServiceClient:
    transport = in_process() if in_process is not None else None
    client = ServiceClient(
        url,
        service_token=service_token_of(settings),
        name=name,
        transport=transport,
        tls=client_context(settings),
        fast_paths=settings.fast,
    )
    stack.push_async_callback(client.close)
    return client


async def _open_mailbox(
    settings: GatewaySettings, stack: AsyncExitStack, clock: Clock, identifiers: Identifiers
) -> MailboxStore | None:
    """The mailbox's messages; None in production."""
    if settings.env == "production":
        return None
    store = MailboxStore(settings.data_dir, clock=clock, identifiers=identifiers)
    try:
        await store.open()
    except (OSError, Transient):
        raise wrong("data_dir", "the mailbox's file in it cannot be opened") from None
    stack.push_async_callback(store.close)
    return store


async def _catch_smtp(settings: GatewaySettings, store: MailboxStore, stack: AsyncExitStack, logger: Logger) -> int:
    """The port on which the mailbox's SMTP server listens."""
    catcher = SmtpCatcher(store, port=settings.mailbox_smtp_port, logger=logger)
    await catcher.start()
    stack.push_async_callback(catcher.close)
    return catcher.port


def _api_key(settings: GatewaySettings) -> str | None:
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    return None if settings.env == "production" else development_api_key(settings.data_dir)
