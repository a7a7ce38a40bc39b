"""A channel worker as a process of its own: what it opens, what it runs, how it ends."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass

from angarium import __version__
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.devices import DeadDevices
from angarium.delivery.engine import Engine
from angarium.delivery.settings import WorkerSettings
from angarium.delivery.unsubscribing import unsubscribing_of
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.directory.contacts import RestContacts
from angarium.directory.preference_links import links_of
from angarium.directory.templates import RestTemplates
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.crashing import with_crash_point
from angarium.notifications.store.open import open_store
from angarium.notifications.topology import topology_of
from angarium.platform.auth.development import service_token_of
from angarium.platform.broker.opening import open_broker
from angarium.platform.cache.opening import open_cache
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.health import Check, Health, answers, probe_app
from angarium.platform.http.server.server import reserve, serve
from angarium.platform.http.server.tls import client_context
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer

_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderParts:
    """What providers may use of the process around them. `stack` closes what they open, after the providers."""

    gateway: ServiceClient
    clock: Clock
    identifiers: Identifiers
    logger: Logger
    stack: AsyncExitStack


KitFactory = Callable[[WorkerSettings, ProviderParts], ChannelKit]


async def run_worker(
    channel: Channel, settings: WorkerSettings, make_kit: KitFactory, *, logger: Logger, stop: asyncio.Event
) -> None:
    """Deliver `channel` until `stop` is set; then finish what is under way. Raises SettingsError."""
    metrics = Metrics()
    with closing(reserve(settings)) as listener:
        await _run_on(listener, channel, settings, make_kit, logger=logger, metrics=metrics, stop=stop)


async def _run_on(
    listener: socket.socket,
    channel: Channel,
    settings: WorkerSettings,
    make_kit: KitFactory,
    *,
    logger: Logger,
    metrics: Metrics,
    stop: asyncio.Event,
) -> None:
    async with _open(settings, make_kit, logger=logger, metrics=metrics) as (parts, kit, health):
        engine = build_engine(
            kit,
            parts,
            retry_delays=settings.delays(channel),
            concurrency=settings.worker_concurrency,
            prefetch=settings.worker_prefetch,
        )
        health.add("delivery", moves_on([engine]))
        probe = probe_app(health, metrics)
        async with asyncio.TaskGroup() as tasks:
            serving = serve(probe, settings=settings, port=settings.port, logger=logger, stop=stop, listener=listener)
            tasks.create_task(serving)
            tasks.create_task(keep_delivering(engine, parts, stop))


async def keep_delivering(engine: Engine, parts: EngineParts, stop: asyncio.Event) -> None:
    """Run `engine` until `stop` is set, from a declared topology on, and again after an error."""
    while not stop.is_set():
        try:
            await parts.broker.declare(parts.topology)
            await engine.run(stop)
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker comes back
            parts.logger.warning("engine.restarts", error=type(error).__name__, reason=str(error)[:200])
            await _pause(stop)


def moves_on(engines: Sequence[Engine]) -> Check:
    """The check that deliveries of these engines move on while messages wait."""

    async def check() -> str | None:
        return next((reason for engine in engines if (reason := engine.stuck()) is not None), None)

    return check


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), _PAUSE)
    except TimeoutError:
        return


@asynccontextmanager
async def _open(
    settings: WorkerSettings, make_kit: KitFactory, *, logger: Logger, metrics: Metrics
) -> AsyncIterator[tuple[EngineParts, ChannelKit, Health]]:
    clock = SystemClock()
    identifiers = Identifiers(clock)
    async with AsyncExitStack() as stack:
        opened = open_store(
            settings.notifications_database_url,
            pool_size=settings.database_pool,
            clock=clock,
            status_events=settings.status_events == "on",
        )
        stack.push_async_callback(opened.close)
        store = with_crash_point(opened, settings.crash_at)
        providers_engine = open_engine(
            settings.notifications_database_url, pool_size=1, setting="ANGARIUM_NOTIFICATIONS_DATABASE_URL"
        )
        stack.push_async_callback(providers_engine.dispose)
        cache = open_cache(settings.cache_url, clock=clock, logger=logger)
        stack.push_async_callback(cache.close)
        broker = open_broker(settings.broker_url, clock=clock, logger=logger)
        stack.push_async_callback(broker.close)
        clients = _clients(settings, clock)
        for client in clients.values():
            stack.push_async_callback(client.close)
        contacts = RestContacts(clients["users"], cache, clock, versions=store, metrics=metrics)
        templates = RestTemplates(clients["templates"], cache, clock, metrics=metrics)
        await stack.enter_async_context(templates.listening())
        parts = EngineParts(
            store=store,
            broker=broker,
            topology=topology_of(settings),
            contacts=contacts,
            templates=WithBuiltIn(templates),
            renderer=Renderer(fast_paths=settings.fast),
            clock=clock,
            identifiers=identifiers,
            metrics=metrics,
            logger=logger,
            worker=worker_name(),
            crash_at=settings.crash_at,
            providers=ProviderStore(providers_engine, clock),
            failover_after=settings.failover_after,
            mandatory=frozenset(settings.mandatory_categories),
            unsubscribing=unsubscribing_of(settings, links_of(settings, service_token_of(settings), clock), logger),
            devices=await stack.enter_async_context(DeadDevices(clients["users"], clock, logger).removing()),
        )
        provider_parts = ProviderParts(
            gateway=clients["gateway"], clock=clock, identifiers=identifiers, logger=logger, stack=stack
        )
        kit = make_kit(settings, provider_parts)
        if not kit.providers:
            raise SettingsError(f"ANGARIUM_{kit.channel.upper()}_PROVIDERS: is empty, so there is nothing to work with")
        for provider in kit.providers:
            stack.push_async_callback(provider.close)
        checks = {"database": store.problem, "broker": broker.problem, "cache": answers(cache.ready)}
        health = Health(str(kit.channel), __version__, checks, optional=frozenset({"cache"}))
        yield parts, kit, health


def _clients(settings: WorkerSettings, clock: Clock) -> dict[str, ServiceClient]:
    token = service_token_of(settings)
    urls = {"users": settings.users_url, "templates": settings.templates_url, "gateway": settings.gateway_url}
    tls = client_context(settings)
    return {
        name: ServiceClient(url, service_token=token, name=name, tls=tls, clock=clock, fast_paths=settings.fast)
        for name, url in urls.items()
    }


def worker_name() -> str:
    """Names this process in claims."""
    return f"{socket.gethostname()}:{os.getpid()}"
