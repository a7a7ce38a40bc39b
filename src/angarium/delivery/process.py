"""A channel worker as a separate process: its resources, its tasks and its shutdown."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field

from angarium import __version__
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.devices import DeadDevices
from angarium.delivery.engine import Engine
from angarium.delivery.providers.installed import ProviderEntry
from angarium.delivery.settings import WorkerSettings
from angarium.delivery.unsubscribing import unsubscribing_of
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.directory.contacts import RestContacts
from angarium.directory.port import Contacts, Templates
from angarium.directory.preference_links import links_of
from angarium.directory.templates import RestTemplates
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.open import open_notifications
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.suppressions.look_up import open_look_up
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.notifications.topology import topology_of
from angarium.platform.auth.development import service_token_of
from angarium.platform.broker.opening import open_broker
from angarium.platform.broker.port import Broker
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.database.opening import open_database
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.exchange import Exchange
from angarium.platform.http.client.opening import open_client
from angarium.platform.http.frame.health import Check, Health, answers, probe_app
from angarium.platform.http.server.server import reserve, serve
from angarium.platform.identifiers import Identifiers
from angarium.platform.loop import Loop, run_loop
from angarium.platform.runtime import Runtime, build_runtime
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing import Tracing
from angarium.platform.telemetry.tracing_opening import open_tracing
from angarium.rendering.renderer import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderParts:
    """Resources for providers. `stack` closes what they open, after the providers.

    `installed`: the providers from other packages, by scheme.
    """

    gateway: ServiceClient
    clock: Clock
    identifiers: Identifiers
    logger: Logger
    stack: AsyncExitStack
    installed: Mapping[str, ProviderEntry] = field(default_factory=dict)
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """The open resources of a worker process."""

    engine: EngineParts
    cache: Cache
    gateway: ServiceClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What a worker gets from the process that started it, instead of servers. `local_url`: see `unsubscribing_of`.

    `contacts` looks up users, and may use what is passed to it, the look-up over `exchange_with`.
    """

    broker: Broker
    exchange_with: Callable[[str], Exchange]
    contacts: Callable[[Contacts], Contacts]
    local_url: str | None


KitFactory = Callable[[WorkerSettings, ProviderParts], ChannelKit]


async def run_worker(
    channel: Channel,
    settings: WorkerSettings,
    make_kit: KitFactory,
    *,
    logger: Logger,
    stop: asyncio.Event,
    installed: Mapping[str, ProviderEntry] | None = None,
) -> None:
    """Deliver `channel` until `stop` is set, then finish running sends. Raises SettingsError.

    `installed`: as in `ProviderParts`.
    """
    async with AsyncExitStack() as stack:
        tracing = await open_tracing(f"angarium-{channel}", logger, stack, os.environ)
        runtime = build_runtime(logger, tracing=tracing)
        listener = stack.enter_context(closing(reserve(settings)))
        opened = await open_worker(settings, runtime, stack)
        parts = opened.engine
        kit = _open_kit(settings, make_kit, provider_parts(opened.gateway, runtime, stack, installed or {}))
        engine = build_engine(
            kit,
            parts,
            retry_delays=settings.delays(channel),
            concurrency=settings.worker_concurrency,
            prefetch=settings.worker_prefetch,
        )
        probe = probe_app(_health(opened, kit, engine), runtime.metrics)
        async with asyncio.TaskGroup() as tasks:
            serving = serve(probe, settings=settings, port=settings.port, logger=logger, stop=stop, listener=listener)
            tasks.create_task(serving)
            tasks.create_task(keep_delivering(engine, parts, stop))


async def open_worker(
    settings: WorkerSettings, runtime: Runtime, stack: AsyncExitStack, *, parent: Parent | None = None
) -> WorkerParts:
    """Open the resources of a worker, closed with `stack`. Raises SettingsError."""
    store = open_notifications(settings, runtime, stack)
    cache = open_cache(settings.cache_url, runtime, stack)

    def client(url: str, name: str) -> ServiceClient:
        exchange = None if parent is None else parent.exchange_with(name)
        return open_client(url, name, settings, runtime, stack, exchange=exchange)

    users = client(settings.users_url, "users")
    templates = RestTemplates(
        client(settings.templates_url, "templates"),
        cache,
        runtime.clock,
        metrics=runtime.metrics,
    )
    await stack.enter_async_context(templates.listening())
    contacts: Contacts = RestContacts(users, cache, runtime.clock, versions=store, metrics=runtime.metrics)
    parts = build_parts(
        settings,
        runtime,
        store=store,
        providers=open_providers(settings, runtime, stack),
        broker=open_broker(settings.broker_url, runtime, stack) if parent is None else parent.broker,
        contacts=contacts if parent is None else parent.contacts(contacts),
        templates=WithBuiltIn(templates),
        devices=await open_dead_devices(users, runtime, stack),
        suppressions=open_suppressions(settings, runtime, stack),
        local_url=None if parent is None else parent.local_url,
    )
    return WorkerParts(engine=parts, cache=cache, gateway=client(settings.gateway_url, "gateway"))


async def open_dead_devices(users: ServiceClient, runtime: Runtime, stack: AsyncExitStack) -> DeadDevices:
    """Start the removal of devices with dead tokens, until `stack` ends."""
    return await stack.enter_async_context(DeadDevices(users, runtime.clock, runtime.logger).removing())


def open_providers(settings: WorkerSettings, runtime: Runtime, stack: AsyncExitStack) -> ProviderStore:
    """Open the shared state of providers over its own connection. Raises SettingsError."""
    url = settings.notifications_database_url
    engine = open_database(url, stack, pool_size=1, setting="ANGARIUM_NOTIFICATIONS_DATABASE_URL")
    return ProviderStore(engine, runtime.clock)


def open_suppressions(settings: WorkerSettings, runtime: Runtime, stack: AsyncExitStack) -> SuppressionStore:
    """Open the suppression list over its own connections, since every claimed batch queries it.

    Raises SettingsError.
    """
    url = settings.notifications_database_url
    engine = open_database(url, stack, pool_size=1, setting="ANGARIUM_NOTIFICATIONS_DATABASE_URL")
    look_up = open_look_up(url, engine, fast_paths=settings.fast)
    stack.push_async_callback(look_up.close)
    return SuppressionStore(engine, runtime.clock, runtime.identifiers, look_up=look_up)


def build_parts(
    settings: WorkerSettings,
    runtime: Runtime,
    *,
    store: NotificationStore,
    providers: ProviderStore,
    broker: Broker,
    contacts: Contacts,
    templates: Templates,
    devices: DeadDevices,
    suppressions: SuppressionStore,
    local_url: str | None = None,
) -> EngineParts:
    """Build the parts of a process's engines. `local_url`: see `unsubscribing_of`. Raises SettingsError."""
    links = links_of(settings, service_token_of(settings), runtime.clock)
    return EngineParts(
        runtime=runtime,
        store=store,
        broker=broker,
        topology=topology_of(settings),
        contacts=contacts,
        templates=templates,
        renderer=Renderer(fast_paths=settings.fast),
        worker=worker_name(),
        crash_at=settings.crash_at,
        mandatory=frozenset(settings.mandatory_categories),
        unsubscribing=unsubscribing_of(settings, links, runtime.logger, local_url=local_url),
        devices=devices,
        providers=providers,
        failover_after=settings.failover_after,
        suppressions=suppressions,
        limits=settings.limits,
        never_paused=settings.never_paused,
    )


async def keep_delivering(engine: Engine, parts: EngineParts, stop: asyncio.Event) -> None:
    """Declare the topology and run `engine` until `stop` is set; restart after errors."""
    loop = Delivering(engine, parts, stop)
    await run_loop(loop, clock=parts.runtime.clock, logger=parts.runtime.logger, stop=stop)


class Delivering(Loop):
    """An engine as a loop: a pass declares the topology and delivers until `stop`, or until an error."""

    name = "delivery"
    pause = 1.0
    longest_back_off = 1.0

    def __init__(self, engine: Engine, parts: EngineParts, stop: asyncio.Event) -> None:
        super().__init__()
        self._engine = engine
        self._parts = parts
        self._stop = stop

    async def once(self) -> bool:
        await self._parts.broker.declare(self._parts.topology)
        await self._engine.run(self._stop)
        return False


def moves_on(engines: Sequence[Engine]) -> Check:
    """A readiness check that these engines make progress while messages wait."""

    async def check() -> str | None:
        return next((reason for engine in engines if (reason := engine.stuck()) is not None), None)

    return check


def provider_parts(
    gateway: ServiceClient, runtime: Runtime, stack: AsyncExitStack, installed: Mapping[str, ProviderEntry]
) -> ProviderParts:
    """Build the resources for a process's providers."""
    return ProviderParts(
        gateway=gateway,
        clock=runtime.clock,
        identifiers=runtime.identifiers,
        logger=runtime.logger,
        stack=stack,
        installed=installed,
        tracing=runtime.tracing,
    )


def _open_kit(settings: WorkerSettings, make_kit: KitFactory, parts: ProviderParts) -> ChannelKit:
    """Open the channel's kit, whose providers are closed with the parts.

    Raises SettingsError, also without a provider.
    """
    kit = make_kit(settings, parts)
    if not kit.providers:
        raise SettingsError(f"ANGARIUM_{kit.channel.upper()}_PROVIDERS: is empty, so there is nothing to work with")
    for provider in kit.providers:
        parts.stack.push_async_callback(provider.close)
    return kit


def _health(opened: WorkerParts, kit: ChannelKit, engine: Engine) -> Health:
    checks = {
        "database": opened.engine.store.problem,
        "broker": opened.engine.broker.problem,
        "cache": answers(opened.cache.ready),
        "delivery": moves_on([engine]),
    }
    return Health(str(kit.channel), __version__, checks, optional=frozenset({"cache"}))


def worker_name() -> str:
    """The name of this process in claims."""
    return f"{socket.gethostname()}:{os.getpid()}"
