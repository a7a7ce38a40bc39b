"""The processes of a simulation, composed of the shipped parts in the same way as in the services."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, cast

from angarium.channels.email.address import addresses_of
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.process import Delivering
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.queue_waits import QueueWaits
from angarium.notifications.relay import Relay
from angarium.notifications.settings import DEFAULT_RETRY_DELAYS
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.prior import Prior
from angarium.notifications.sweeper import Sweeper
from angarium.notifications.topology import build_topology
from angarium.platform.auth.caller import Caller
from angarium.platform.broker.port import Broker
from angarium.platform.identifiers import Identifiers
from angarium.platform.loop import Loop, run_loop
from angarium.platform.runtime import Runtime
from angarium.platform.settings.values import parse_retry_delays
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.accepting.acceptance import AcceptanceRules, Accepted, Origin
from angarium.services.gateway.accepting.lanes import FairLanes
from angarium.services.gateway.accepting.use_cases import Acceptor, AcceptorParts
from angarium.services.gateway.gauges import Gauges
from tests.simulation.broker import BrokerLink, BrokerServer
from tests.simulation.clock import SimulatedClock
from tests.simulation.database import StoreLink
from tests.simulation.directory import DirectoryLink, Users
from tests.simulation.judge import Judge
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Link, Weather
from tests.simulation.provider import Habits, SimulatedProvider

DELAYS = parse_retry_delays(DEFAULT_RETRY_DELAYS)
TOPOLOGY = build_topology(retry_delays=DELAYS)
PROVIDERS = ("first", "second")
_ORIGIN = Origin(Caller("default", "simulation", frozenset()), "c-1")
_RULES = AcceptanceRules(channels=frozenset(Channel))
_PAUSES: Mapping[type[Loop], tuple[float, float]] = {Relay: (1.5, 12.0), Sweeper: (2.5, 4.5), Gauges: (7.0, 25.0)}
"""Seconds between passes, during the faults and after them. Longer than in production, to save computing time."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all processes share. `metrics` and `renderer` are shared by all runs, because creating them is slow."""

    loop: VirtualLoop
    seed: str
    judge: Judge
    weather: Weather
    habits: Habits
    users: Users
    store: NotificationStore
    server: BrokerServer
    metrics: Metrics
    renderer: Renderer


class QuietLog:
    """Drops log lines. An unexpected error in Angarium's code is a violation."""

    _EXPECTED = frozenset({"provider.misconfigured"})

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def _drop(self, _event: str, **_fields: Any) -> None:
        """Do nothing."""

    debug = info = warning = _drop

    def error(self, event: str, **fields: Any) -> None:
        if event not in self._EXPECTED:
            self._judge.violated(f"our own code failed: {event}", repr(fields.get("exc_info")))

    def exception(self, event: str, **fields: Any) -> None:
        self._judge.violated(f"our own code failed: {event}", repr(sys.exc_info()[1]))


@dataclass
class Process:
    """One running process with its parts and its network connection."""

    name: str
    around: Surroundings
    link: Link
    clock: SimulatedClock
    runtime: Runtime
    store: NotificationStore
    broker: BrokerLink
    directory: DirectoryLink
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)

    @classmethod
    def start(cls, name: str, around: Surroundings, *, skew: float = 0.0) -> "Process":
        """Start a process that does nothing yet."""
        random = Random(f"{around.seed}/{name}")  # noqa: S311 - a run is to be repeated
        link = Link(name, around.weather, random, faults=around.judge.faults[name])
        clock = SimulatedClock(around.loop, skew)
        logger = cast("Logger", QuietLog(around.judge))
        return cls(
            name=name,
            around=around,
            link=link,
            clock=clock,
            runtime=Runtime(clock, Identifiers(clock, random.randbytes), logger, around.metrics),
            store=cast("NotificationStore", StoreLink(around.store, link, around.judge)),
            broker=BrokerLink(around.server, link, around.judge),
            directory=DirectoryLink(around.users, link),
        )

    def run(self, loop: Loop) -> None:
        """Run a background loop until the process stops."""
        if type(loop) in _PAUSES:
            loop.pause = _PAUSES[type(loop)][self.around.weather.over]
            self.loops.append(loop)
        running = run_loop(loop, clock=self.clock, logger=self.runtime.logger, stop=self.stop)
        self.tasks.append(self.around.loop.spawn(self.name, running))

    def slow_down(self) -> None:
        """Run background loops less often, since the faults are over."""
        for loop in self.loops:
            loop.pause = _PAUSES[type(loop)][True]

    def publisher(self) -> OutboxPublisher:
        """A new outbox publisher."""
        return OutboxPublisher(store=self.store, broker=self.broker, logger=self.runtime.logger)


class Gateway:
    """A gateway: accepts notifications and runs the relay and the sweeper."""

    def __init__(self, process: Process) -> None:
        self.process = process
        runtime, store, broker = process.runtime, process.store, process.broker
        publisher, waits = process.publisher(), QueueWaits(process.clock)
        self._acceptor = Acceptor(
            AcceptorParts(
                store=store,
                publisher=publisher,
                contacts=process.directory,
                templates=process.directory,
                find_prior=_no_priors,
                runtime=runtime,
                rules=_RULES,
                lanes=FairLanes(broker, process.clock),
            )
        )
        process.run(Relay(store=store, broker=broker, publisher=publisher, clock=process.clock))
        process.run(Sweeper(store=store, runtime=runtime, waits=waits.by_key))
        process.run(
            Gauges(
                store=store,
                count_letters=_no_letters,
                oldest_work=_no_work,
                broker=broker,
                runtime=runtime,
                waits=waits,
            )
        )

    async def accept(self, request: NotificationRequest) -> Accepted:
        """Accept as `POST /api/v1/notifications` does. Runs in the gateway's process."""
        await self.process.link.travel()
        accepted = await self._acceptor.accept(_ORIGIN, request)
        await self.process.link.travel()
        return accepted


def start_worker(process: Process, *, concurrency: int, permits: int) -> None:
    """Run an email engine in `process`."""
    around, runtime = process.around, process.runtime
    parts = EngineParts(
        runtime=runtime,
        store=process.store,
        broker=cast("Broker", process.broker),
        topology=TOPOLOGY,
        contacts=process.directory,
        templates=process.directory,
        renderer=around.renderer,
        worker=process.name,
    )
    providers = [
        SimulatedProvider(name, process.name, around.habits, process.link.random, around.judge, permits)
        for name in PROVIDERS
    ]
    kit = ChannelKit(Channel.EMAIL, providers, addresses_of, lambda address: address)
    engine = build_engine(kit, parts, retry_delays=DELAYS, concurrency=concurrency, prefetch=2 * concurrency)
    process.run(Delivering(engine, parts, process.stop))


async def _no_priors(_tenant: str, _caller: str, _request_ids: object) -> Mapping[str, Prior]:
    return {}


async def _no_letters() -> int:
    return 0


async def _no_work() -> Mapping[str, datetime]:
    return {}
