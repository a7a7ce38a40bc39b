"""The gateway as a process: its resources, its tasks and its shutdown."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import Transient
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.directory.contacts import RestContacts
from angarium.directory.templates import RestTemplates
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.open import open_notifications
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.notifications.topology import topology_of
from angarium.platform.auth.development import development_api_key, service_token_of
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.opening import open_broker
from angarium.platform.cache.opening import open_cache
from angarium.platform.database.opening import open_database
from angarium.platform.database.replica import Replica, open_replica
from angarium.platform.http.client.opening import open_client
from angarium.platform.http.server.server import serve
from angarium.platform.lifecycle import Background
from angarium.platform.loop import Loop
from angarium.platform.rate_limit.opening import open_limiter
from angarium.platform.runtime import Runtime, build_runtime
from angarium.platform.settings.base import Settings
from angarium.platform.settings.showing import shown
from angarium.platform.settings.sources import wrong
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing_opening import open_tracing
from angarium.services.gateway.accepting.acceptance import acceptance_rules
from angarium.services.gateway.app import Gateway
from angarium.services.gateway.callbacks.opening import open_sender
from angarium.services.gateway.mailbox.routes import routes as mailbox_routes
from angarium.services.gateway.mailbox.smtp_catcher import SmtpCatcher
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.services.gateway.mailbox.use_cases import Mailbox
from angarium.services.gateway.mailbox_page.routes import routes as mailbox_page_routes
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.provider_webhooks.opening import open_rules
from angarium.services.gateway.retention import Periods
from angarium.services.gateway.settings import GatewaySettings

DATABASE_SETTING = "ANGARIUM_NOTIFICATIONS_DATABASE_URL"
REPLICA_SETTING = "ANGARIUM_NOTIFICATIONS_READ_DATABASE_URL"
InProcess = Callable[[], httpx2.AsyncBaseTransport]
"""Returns the transport to a service in the same process."""
DirectoryT = TypeVar("DirectoryT", RestContacts, RestTemplates)


@dataclass(frozen=True, slots=True)
class Running:
    """A running gateway. `api_key`: the seeded key, to be printed at the start."""

    gateway: Gateway
    api_key: str | None = field(repr=False)


async def run_gateway(settings: GatewaySettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, finish running requests, drain, close. Raises SettingsError."""
    async with AsyncExitStack() as stack:
        tracing = await open_tracing("angarium-gateway", logger, stack, os.environ)
        running = await start_gateway(settings, build_runtime(logger, tracing=tracing), stack)
        gateway = running.gateway
        await serve(
            gateway.app,
            settings=settings,
            port=settings.port,
            logger=logger,
            stop=stop,
            stopping=gateway.end_streams,
        )


async def start_gateway(
    settings: GatewaySettings,
    runtime: Runtime,
    stack: AsyncExitStack,
    in_process: InProcess | None = None,
    *,
    beside: Sequence[Settings] = (),
) -> Running:
    """Start a gateway and its loops; `stack` ends the loops, drains, then closes every connection.

    Close `stack` only after the server has stopped. `in_process` and `beside`: see `open_gateway`. Raises
    SettingsError.
    """
    gateway = Gateway(await open_gateway(settings, runtime, stack, in_process, beside=beside))
    stack.push_async_callback(gateway.drain)
    background = await stack.enter_async_context(Background(runtime))
    gateway.start(background)
    api_key = _api_key(settings)
    if api_key is not None and in_process is not None:
        await gateway.keys.seed(api_key)  # the database is migrated, and the first request may come immediately
    elif api_key is not None:
        background.start(Seeding(gateway, api_key))
    return Running(gateway, api_key)


async def open_gateway(
    settings: GatewaySettings,
    runtime: Runtime,
    stack: AsyncExitStack,
    in_process: InProcess | None = None,
    *,
    beside: Sequence[Settings] = (),
) -> GatewayParts:
    """Open the parts of the gateway, closed with `stack`. Raises SettingsError.

    With `in_process` the users and templates services are called through it, and the built-in mailbox listens for SMTP.
    `beside`: settings of other parts of this process, which the dashboard shows with the gateway's.
    """
    engine = _open_engine(settings, stack)
    store = open_notifications(settings, runtime, stack)
    cache = open_cache(settings.cache_url, runtime, stack)
    clock, metrics = runtime.clock, runtime.metrics

    def transport() -> httpx2.AsyncBaseTransport | None:
        return in_process() if in_process is not None else None

    users = open_client(settings.users_url, "users", settings, runtime, stack, transport=transport())
    templates = open_client(settings.templates_url, "templates", settings, runtime, stack, transport=transport())
    caught = await _open_mailbox(settings, runtime, stack)
    catch_smtp = in_process is not None and settings.mailbox_smtp_port != 0
    return GatewayParts(
        runtime=runtime,
        store=store,
        reader=NotificationReader(engine, replica=_open_replica(settings, engine, runtime, stack), clock=runtime.clock),
        engine=engine,
        providers=ProviderStore(engine, runtime.clock),
        broker=open_broker(settings.broker_url, runtime, stack),
        topology=topology_of(settings),
        cache=cache,
        contacts=await _listening(RestContacts(users, cache, clock, versions=store, metrics=metrics), stack),
        templates=WithBuiltIn(await _listening(RestTemplates(templates, cache, clock, metrics=metrics), stack)),
        users_client=users,
        templates_client=templates,
        tokens=TokenVerifier(settings, clock),
        service_token=service_token_of(settings),
        auth=settings.auth,
        limiter=open_limiter(settings.rate_limit, settings.cache_url, runtime, stack),
        rules=acceptance_rules(settings),
        fast_paths=settings.fast,
        callbacks=open_sender(settings, stack, runtime),
        webhooks=open_rules(settings, runtime, stack),
        limits=settings.limits,
        never_paused=settings.never_paused,
        periods=Periods(prune=settings.retention, redact=settings.redact_after),
        mailbox=_mailbox_routes(Mailbox(caught, store.attachments)) if caught is not None else (),
        caught=caught,
        settings=shown((settings, *beside)),
        smtp_port=await _catch_smtp(settings, caught, runtime, stack) if caught is not None and catch_smtp else None,
    )


class Seeding(Loop):
    """Seeds the API key, with retries until the database is available.

    It runs only until it succeeds, so a key that is revoked later stays revoked.
    """

    name = "seed"
    pause = None
    longest_back_off = 1.0

    def __init__(self, gateway: Gateway, api_key: str) -> None:
        super().__init__()
        self._gateway = gateway
        self._api_key = api_key

    async def once(self) -> bool:
        """Seed the key. Raises Transient if the database is unavailable."""
        await self._gateway.keys.seed(self._api_key)
        self._gateway.ring.forget()
        return False


def _open_engine(settings: GatewaySettings, stack: AsyncExitStack) -> AsyncEngine:
    url, pool_size = settings.notifications_database_url, settings.database_pool
    return open_database(url, stack, pool_size=pool_size, setting=DATABASE_SETTING)


def _open_replica(
    settings: GatewaySettings, engine: AsyncEngine, runtime: Runtime, stack: AsyncExitStack
) -> Replica | None:
    """Open the replica for status queries and lists, if there is one."""
    url, pool_size = settings.notifications_read_database_url, settings.database_pool
    return open_replica(url, engine, stack, runtime.logger, pool_size=pool_size, setting=REPLICA_SETTING)


async def _listening(directory: DirectoryT, stack: AsyncExitStack) -> DirectoryT:
    """Subscribe the directory to changes."""
    await stack.enter_async_context(directory.listening())
    return directory


async def _open_mailbox(settings: GatewaySettings, runtime: Runtime, stack: AsyncExitStack) -> MailboxStore | None:
    """Open the mailbox's messages; None in production."""
    if settings.env == "production":
        return None
    store = MailboxStore(settings.data_dir, clock=runtime.clock, identifiers=runtime.identifiers)
    try:
        await store.open()
    except (OSError, Transient):
        raise wrong("data_dir", "the mailbox's file in it cannot be opened") from None
    stack.push_async_callback(store.close)
    return store


def _mailbox_routes(mailbox: Mailbox) -> Sequence[APIRouter]:
    return mailbox_routes(mailbox), mailbox_page_routes(mailbox)


async def _catch_smtp(settings: GatewaySettings, store: MailboxStore, runtime: Runtime, stack: AsyncExitStack) -> int:
    """Start the mailbox's SMTP server and return its port."""
    catcher = SmtpCatcher(store, port=settings.mailbox_smtp_port, logger=runtime.logger)
    await catcher.start()
    stack.push_async_callback(catcher.close)
    return catcher.port


def _api_key(settings: GatewaySettings) -> str | None:
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    return None if settings.env == "production" else development_api_key(settings.data_dir)
