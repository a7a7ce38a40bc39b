"""The embedded system: the apps and engines of the distributed system in one process, over in-process adapters.

Uses SQLite files, an in-memory broker that is refilled from the database, an in-memory cache, and an in-process
transport between services. Needs no installed servers; a restart continues unfinished work.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.types import ASGIApp

from angarium.delivery.composition import EngineParts
from angarium.delivery.devices import DeadDevices
from angarium.delivery.engine import Engine
from angarium.delivery.process import (
    build_parts,
    moves_on,
    open_dead_devices,
    open_suppressions,
)
from angarium.delivery.settings import WorkerSettings
from angarium.directory.gateway.surroundings import Surroundings, build_surroundings
from angarium.embedded.contacts import LocalContacts, StoredContacts
from angarium.embedded.engines import IN_PROCESS, check_providers, open_engines
from angarium.embedded.one_port import OnePort
from angarium.notifications.store.schema import MIGRATIONS as NOTIFICATIONS_MIGRATIONS
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.database.migrate import database_of, upgrade
from angarium.platform.database.opening import open_database
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.exchange import Exchange, TransportExchange
from angarium.platform.http.client.opening import open_client
from angarium.platform.http.frame.health import Health
from angarium.platform.http.server.switchboard import Switchboard
from angarium.platform.runtime import build_runtime
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing import Tracing
from angarium.services.gateway.app import Gateway
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.process import DATABASE_SETTING as NOTIFICATIONS_SETTING
from angarium.services.gateway.process import start_gateway
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.templates.app import MIGRATIONS as TEMPLATES_MIGRATIONS
from angarium.services.templates.app import TemplatesService
from angarium.services.templates.process import DATABASE_SETTING as TEMPLATES_SETTING
from angarium.services.templates.process import open_templates
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.users.app import MIGRATIONS as USERS_MIGRATIONS
from angarium.services.users.app import UsersService
from angarium.services.users.process import DATABASE_SETTING as USERS_SETTING
from angarium.services.users.process import open_users
from angarium.services.users.settings import UsersSettings


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """The settings of every service, read from one environment. All are served on the gateway's port."""

    gateway: GatewaySettings
    worker: WorkerSettings
    users: UsersSettings
    templates: TemplatesSettings

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Load the settings of this process. Raises SettingsError."""
        return cls(
            gateway=GatewaySettings.load(**overrides, **IN_PROCESS),
            worker=WorkerSettings.load(**overrides, **IN_PROCESS),
            users=UsersSettings.load(**overrides, **IN_PROCESS),
            templates=TemplatesSettings.load(**overrides, **IN_PROCESS),
        )


@dataclass(frozen=True, slots=True)
class Embedded:
    """The composed system: the app and the delivery engines."""

    app: ASGIApp
    engines: tuple[Engine, ...]
    parts: EngineParts
    api_key: str | None = field(repr=False)
    smtp_port: int | None
    end_streams: Callable[[], None]
    sign_in_link: Callable[[], str]
    health: Health
    services: Mapping[str, Exchange]
    """Exchanges with each service, by its name."""
    contacts: StoredContacts
    local_url: str | None


@asynccontextmanager
async def open_embedded(
    settings: EmbeddedSettings,
    *,
    logger: Logger,
    tracing: Tracing | None = None,
    local_url: str | None = None,
    delivering: bool = True,
) -> AsyncIterator[Embedded]:
    """Open, migrate and compose the whole system. On exit the gateway drains and every connection is closed.

    Without `delivering` it has no engines, since other processes deliver.
    """
    runtime, switchboard = build_runtime(logger, tracing=tracing), Switchboard()
    async with AsyncExitStack() as stack:
        await check_providers(settings.worker, runtime)
        await _migrate(settings)
        beside = (settings.worker, settings.users, settings.templates)
        running = await start_gateway(settings.gateway, runtime, stack, switchboard.transport, beside=beside)
        around = _open_surroundings(running.gateway, settings, switchboard, stack)
        users = UsersService(open_users(settings.users, around, stack))
        templates = TemplatesService(open_templates(settings.templates, around, stack))
        for app in (users.app, templates.app):
            await stack.enter_async_context(app.router.lifespan_context(app))
        for name, app in (("gateway", running.gateway.app), ("users", users.app), ("templates", templates.app)):
            switchboard.put(name, app)
        await running.gateway.parts.store.requeue_unfinished()
        client = _users_client(running.gateway, settings, switchboard, stack)
        devices = await open_dead_devices(client, runtime, stack)
        suppressions = open_suppressions(settings.worker, runtime, stack)
        parts = _engine_parts(running.gateway.parts, users, settings, devices, suppressions, local_url)
        engines = open_engines(settings.worker, parts, around.gateway, stack) if delivering else ()
        running.gateway.health.add("delivery", moves_on(engines))
        yield Embedded(
            app=OnePort(running.gateway.app, users=users.app, templates=templates.app),
            engines=engines,
            parts=parts,
            api_key=running.api_key,
            smtp_port=running.gateway.parts.smtp_port,
            end_streams=running.gateway.end_streams,
            sign_in_link=running.gateway.links.make,
            health=running.gateway.health,
            services={
                name: TransportExchange(f"http://{name}", switchboard.transport())
                for name in ("gateway", "users", "templates")
            },
            contacts=users.contacts,
            local_url=local_url,
        )


async def _migrate(settings: EmbeddedSettings) -> None:
    """Bring every database's schema up to date."""
    for url, setting, migrations in (
        (settings.gateway.notifications_database_url, NOTIFICATIONS_SETTING, NOTIFICATIONS_MIGRATIONS),
        (settings.users.users_database_url, USERS_SETTING, USERS_MIGRATIONS),
        (settings.templates.templates_database_url, TEMPLATES_SETTING, TEMPLATES_MIGRATIONS),
    ):
        async with AsyncExitStack() as stack:
            engine = open_database(url, stack, pool_size=1, setting=setting)
            with database_of(setting):
                await upgrade(engine, migrations)


def _open_surroundings(
    running: Gateway, settings: EmbeddedSettings, switchboard: Switchboard, stack: AsyncExitStack
) -> Surroundings:
    """The gateway's runtime, cache and limits. The gateway itself is called through the switchboard."""
    shared = running.parts
    url, transport = IN_PROCESS["gateway_url"], switchboard.transport()
    gateway = open_client(url, "gateway", settings.worker, shared.runtime, stack, transport=transport)
    return build_surroundings(
        shared.runtime, cache=shared.cache, limiter=running.limiter, gateway=gateway, service_token=shared.service_token
    )


def _users_client(
    running: Gateway, settings: EmbeddedSettings, switchboard: Switchboard, stack: AsyncExitStack
) -> ServiceClient:
    """A client of the users service over the switchboard, as from another process."""
    url, runtime = IN_PROCESS["users_url"], running.parts.runtime
    return open_client(url, "users", settings.worker, runtime, stack, transport=switchboard.transport())


def _engine_parts(
    shared: GatewayParts,
    users: UsersService,
    settings: EmbeddedSettings,
    devices: DeadDevices,
    suppressions: SuppressionStore,
    local_url: str | None,
) -> EngineParts:
    """The gateway's store, broker and directory. Contacts come directly from the users service."""
    local = LocalContacts(users.contacts, shared.contacts)
    return build_parts(
        settings.worker,
        shared.runtime,
        store=shared.store,
        providers=shared.providers,
        broker=shared.broker,
        contacts=local if settings.gateway.fast else shared.contacts,
        templates=shared.templates,
        devices=devices,
        suppressions=suppressions,
        local_url=local_url,
    )
