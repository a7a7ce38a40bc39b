"""Everything in one process: the same apps and engines as the distributed system, over in-process parts.

SQLite files, a broker in memory whose truth is the database, a cache in memory, and calls between services over an
in-process transport. Nothing is installed; a restart goes on with what was unfinished.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from angarium.channels.registry import CHANNELS
from angarium.delivery.composition import EngineParts, build_engine
from angarium.delivery.devices import DeadDevices
from angarium.delivery.engine import Engine
from angarium.delivery.process import ProviderParts, keep_delivering, moves_on, worker_name
from angarium.delivery.settings import WorkerSettings
from angarium.delivery.unsubscribing import unsubscribing_of
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports
from angarium.directory.port import Contacts
from angarium.directory.preference_links import links_of
from angarium.embedded.contacts import LocalContacts
from angarium.notifications.store.schema import MIGRATIONS as NOTIFICATIONS_MIGRATIONS
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import database_of, upgrade
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.server.server import reserve, serve
from angarium.platform.http.server.switchboard import Switchboard
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.compose import compose as compose_gateway
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.templates.app import MIGRATIONS as TEMPLATES_MIGRATIONS
from angarium.services.templates.app import TemplatesParts, TemplatesService
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.users.app import MIGRATIONS as USERS_MIGRATIONS
from angarium.services.users.app import UsersParts, UsersService
from angarium.services.users.contacts.documents import open_documents
from angarium.services.users.settings import UsersSettings

_IN_PROCESS = {"users_url": "http://users", "templates_url": "http://templates", "gateway_url": "http://gateway"}


@dataclass(frozen=True, slots=True)
class Started:
    """Where an embedded system listens. `smtp_port` is the mailbox's, None without one."""

    address: str
    api_key: str | None = field(repr=False)
    smtp_port: int | None


Listening = Callable[[Started], Coroutine[Any, Any, None]]
"""Called once requests are accepted."""


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """Every service's settings, read from the one environment; the gateway's port serves all."""

    gateway: GatewaySettings
    worker: WorkerSettings
    users: UsersSettings
    templates: TemplatesSettings

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process. Raises SettingsError."""
        return cls(
            gateway=GatewaySettings.load(**overrides, **_IN_PROCESS),
            worker=WorkerSettings.load(**overrides, **_IN_PROCESS),
            users=UsersSettings.load(**overrides, **_IN_PROCESS),
            templates=TemplatesSettings.load(**overrides, **_IN_PROCESS),
        )


@dataclass(frozen=True, slots=True)
class Embedded:
    """The composed system: the one app, and the engines that deliver."""

    app: ASGIApp
    engines: tuple[Engine, ...]
    parts: EngineParts
    api_key: str | None = field(repr=False)
    smtp_port: int | None


async def run_embedded(
    settings: EmbeddedSettings, *, logger: Logger, stop: asyncio.Event, listening: Listening | None = None
) -> None:
    """Serve and deliver until `stop` is set, then finish what is under way. Raises SettingsError."""
    own = settings.gateway
    with closing(reserve(own)) as listener:
        await _run_on(listener, settings, logger=logger, stop=stop, listening=listening)


async def _run_on(
    listener: socket.socket,
    settings: EmbeddedSettings,
    *,
    logger: Logger,
    stop: asyncio.Event,
    listening: Listening | None,
) -> None:
    own = settings.gateway
    async with compose_embedded(settings, logger=logger) as system, asyncio.TaskGroup() as tasks:
        for engine in system.engines:
            tasks.create_task(keep_delivering(engine, system.parts, stop))

        def started(port: int) -> None:
            if listening is not None:
                tasks.create_task(listening(Started(own.address(port), system.api_key, system.smtp_port)))

        await serve(
            system.app,
            settings=own,
            port=own.port,
            logger=logger,
            stop=stop,
            listening=started,
            listener=listener,
        )
        stop.set()


@asynccontextmanager
async def compose_embedded(settings: EmbeddedSettings, *, logger: Logger) -> AsyncIterator[Embedded]:
    """Open, migrate and put together everything; on exit the gateway drains and every connection is closed."""
    switchboard = Switchboard()
    async with AsyncExitStack() as stack:
        await _migrate_notifications(settings)
        gateway_running = compose_gateway(settings.gateway, logger=logger, in_process=switchboard.transport)
        running = await stack.enter_async_context(gateway_running)
        shared = running.gateway.parts
        client = _client("gateway", shared, switchboard, stack)
        users, templates = await _build_services(settings, shared, client, stack)
        for name, service in (("gateway", running.gateway.app), ("users", users.app), ("templates", templates.app)):
            switchboard.put(name, service)
        await shared.store.requeue_unfinished()
        local = LocalContacts(users.contacts, shared.contacts)
        fast_paths = settings.gateway.fast
        devices = DeadDevices(_client("users", shared, switchboard, stack), shared.clock, shared.logger)
        await stack.enter_async_context(devices.removing())
        parts = _engine_parts(shared, settings.worker, local if fast_paths else shared.contacts, devices)
        engines = _build_engines(settings.worker, parts, client, stack)
        running.gateway.health.add("delivery", moves_on(engines))
        app = OnePort(running.gateway.app, users=users.app, templates=templates.app)
        yield Embedded(app=app, engines=engines, parts=parts, api_key=running.api_key, smtp_port=shared.smtp_port)


class OnePort:
    """The gateway's app, with the users and templates services under their own paths beside it."""

    def __init__(self, gateway: ASGIApp, *, users: ASGIApp, templates: ASGIApp) -> None:
        self._gateway = gateway
        self._beside = {"users": users, "templates": templates}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].removeprefix("/").partition("/")[0] if scope["type"] == "http" else ""
        await self._beside.get(first, self._gateway)(scope, receive, send)


def _client(name: str, shared: GatewayParts, switchboard: Switchboard, stack: AsyncExitStack) -> ServiceClient:
    """A client of the service `name` in this process, closed with `stack`."""
    client = ServiceClient(
        _IN_PROCESS[f"{name}_url"],
        service_token=shared.service_token,
        name=name,
        transport=switchboard.transport(),
        clock=shared.clock,
        fast_paths=shared.fast_paths,
    )
    stack.push_async_callback(client.close)
    return client


async def _migrate_notifications(settings: EmbeddedSettings) -> None:
    own = settings.gateway
    async with AsyncExitStack() as stack:
        await _open(own.notifications_database_url, 1, "NOTIFICATIONS", NOTIFICATIONS_MIGRATIONS, stack)


async def _build_services(
    settings: EmbeddedSettings, shared: GatewayParts, client: ServiceClient, stack: AsyncExitStack
) -> tuple[UsersService, TemplatesService]:
    """The users and templates services, over databases of their own, started."""
    authenticator = RemoteAuthenticator(client, shared.service_token, shared.clock)
    reports = ChangeReports(client, shared.clock, shared.identifiers, shared.logger)
    users = await _build_users(settings.users, shared, client, authenticator, reports, stack)
    templates = await _build_templates(settings.templates, shared, authenticator, reports, stack)
    for service in (users, templates):
        await stack.enter_async_context(service.app.router.lifespan_context(service.app))
    return users, templates


async def _build_users(
    settings: UsersSettings,
    shared: GatewayParts,
    client: ServiceClient,
    authenticator: RemoteAuthenticator,
    reports: ChangeReports,
    stack: AsyncExitStack,
) -> UsersService:
    url = settings.users_database_url
    engine = await _open(url, settings.database_pool, "USERS", USERS_MIGRATIONS, stack)
    documents = open_documents(url, engine, fast_paths=settings.fast)
    stack.push_async_callback(documents.close)
    parts = UsersParts(
        engine=engine,
        documents=documents,
        gateway=client,
        links=links_of(settings, shared.service_token, shared.clock),
        mandatory=settings.mandatory_categories,
        allowed=settings.callback_allow,
        cache=shared.cache,
        authenticator=authenticator,
        logger=shared.logger,
        metrics=shared.metrics,
        clock=shared.clock,
        identifiers=shared.identifiers,
        limiter=shared.limiter,
        reports=reports,
        fast_paths=settings.fast,
    )
    return UsersService(parts)


async def _build_templates(
    settings: TemplatesSettings,
    shared: GatewayParts,
    authenticator: RemoteAuthenticator,
    reports: ChangeReports,
    stack: AsyncExitStack,
) -> TemplatesService:
    url = settings.templates_database_url
    parts = TemplatesParts(
        engine=await _open(url, settings.database_pool, "TEMPLATES", TEMPLATES_MIGRATIONS, stack),
        cache=shared.cache,
        authenticator=authenticator,
        logger=shared.logger,
        metrics=shared.metrics,
        clock=shared.clock,
        identifiers=shared.identifiers,
        limiter=shared.limiter,
        reports=reports,
        fast_paths=settings.fast,
    )
    return TemplatesService(parts)


async def _open(url: str, pool_size: int, name: str, migrations: str, stack: AsyncExitStack) -> AsyncEngine:
    """An engine over an up-to-date database."""
    setting = f"ANGARIUM_{name}_DATABASE_URL"
    engine = open_engine(url, pool_size=pool_size, setting=setting)
    stack.push_async_callback(engine.dispose)
    with database_of(setting):
        await upgrade(engine, migrations)
    return engine


def _engine_parts(
    shared: GatewayParts, settings: WorkerSettings, contacts: Contacts, devices: DeadDevices
) -> EngineParts:
    return EngineParts(
        store=shared.store,
        broker=shared.broker,
        topology=shared.topology,
        contacts=contacts,
        templates=shared.templates,
        renderer=Renderer(fast_paths=settings.fast),
        clock=shared.clock,
        identifiers=shared.identifiers,
        metrics=shared.metrics,
        logger=shared.logger,
        worker=worker_name(),
        crash_at=settings.crash_at,
        mandatory=frozenset(settings.mandatory_categories),
        unsubscribing=unsubscribing_of(settings, links_of(settings, shared.service_token, shared.clock), shared.logger),
        devices=devices,
        providers=shared.providers,
        failover_after=settings.failover_after,
    )


def _build_engines(
    settings: WorkerSettings, parts: EngineParts, client: ServiceClient, stack: AsyncExitStack
) -> tuple[Engine, ...]:
    """An engine for each channel that has a provider."""
    provider_parts = ProviderParts(
        gateway=client, clock=parts.clock, identifiers=parts.identifiers, logger=parts.logger, stack=stack
    )
    kits = [entry.build_kit(settings, provider_parts) for entry in CHANNELS.values()]
    for provider in [provider for kit in kits for provider in kit.providers]:
        stack.push_async_callback(provider.close)
    return tuple(
        build_engine(
            kit,
            parts,
            retry_delays=settings.delays(kit.channel),
            concurrency=settings.worker_concurrency,
            prefetch=settings.worker_prefetch,
        )
        for kit in kits
        if kit.providers
    )
