"""Composes the engine of one channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from angarium.contracts.crash_points import CrashPoint
from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SUPPRESSIBLE
from angarium.delivery.attaching import Attaching
from angarium.delivery.breakers.breaker import Breaker
from angarium.delivery.breakers.keeper import BreakerKeeper, Kept
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.burying import Burying
from angarium.delivery.claiming import Claiming
from angarium.delivery.crashing import with_crash_point
from angarium.delivery.devices import DeadDevices
from angarium.delivery.engine import Engine
from angarium.delivery.intake import Intake
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.outcome import OUTCOME_WORDS
from angarium.delivery.parking import Parking
from angarium.delivery.preparation import AddressesOf, CheckAddress, Preparation
from angarium.delivery.provider import Provider
from angarium.delivery.providers.registry import numbered
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.delivery.recording import ENDS, Recorder
from angarium.delivery.reputation import ReputationGuard, Watched
from angarium.delivery.results import Results
from angarium.delivery.routing import Route, Router
from angarium.delivery.sending import Gate, Sending
from angarium.delivery.slots import Lane, Slots
from angarium.delivery.suppressing import Suppressing
from angarium.delivery.tracing import DeliveryTracing, TracedClaiming, TracedSending
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.directory.port import Contacts, Templates
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.reputation import DEFAULT_LIMITS, Limits
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.broker.port import Broker, Topology
from angarium.platform.broker.tracing import TracedBroker
from angarium.platform.runtime import Runtime
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer

_ON_DEMAND = frozenset({"mailbox", "sandbox"})
"""Development providers that fail on demand, for which an automatic breaker would be in the way."""
PARKING_PART = 4
"""Fraction of a lane's prefetch that may wait for a broker that accepts no publishes."""


@dataclass(frozen=True, slots=True)
class ChannelKit:
    """The parts of a channel: its providers in order of preference, the addresses of a user, and its address check.

    `configured` has the settings of each provider, in the same order; without it they are named after their technology.
    `gate` is checked just before each attempt.
    """

    channel: Channel
    providers: Sequence[Provider]
    addresses_of: AddressesOf
    check_address: CheckAddress
    configured: Sequence[Configured] = ()
    gate: Gate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """The parts that engines share with their process."""

    runtime: Runtime
    store: NotificationStore
    broker: Broker
    topology: Topology
    contacts: Contacts
    templates: Templates
    renderer: Renderer
    worker: str
    crash_at: CrashPoint | None = None
    mandatory: frozenset[str] = frozenset()
    unsubscribing: Unsubscribing | None = None
    devices: DeadDevices | None = None
    providers: ProviderStore | None = None
    """The providers' state shared by all workers; None: each process has its own."""
    failover_after: timedelta | None = None
    suppressions: SuppressionStore | None = None
    """The suppression list, if there is one."""
    limits: Limits = DEFAULT_LIMITS
    """Rates above which a sender's marketing is paused."""
    never_paused: frozenset[str] = frozenset()
    """The categories that go on then."""


def build_engine(
    kit: ChannelKit, parts: EngineParts, *, retry_delays: Sequence[timedelta], concurrency: int, prefetch: int
) -> Engine:
    """Build the engine of `kit.channel` with `concurrency` concurrent sends and a `prefetch` per lane.

    Messages being sent count towards the prefetch, so it is at least `concurrency`.
    """
    runtime, store, clock, logger = parts.runtime, parts.store, parts.runtime.clock, parts.runtime.logger
    results = Results(clock, runtime.identifiers)
    router = _router(kit, parts)
    slots = Slots(concurrency, clock)
    for lane in Lane:
        runtime.metrics.slots_held.labels(kit.channel, lane).set_function(partial(slots.held, lane))
    leases = LeaseKeeper(store=store, clock=clock, logger=logger)
    publisher = OutboxPublisher(store=store, broker=parts.broker, logger=logger)
    prefetch = max(prefetch, concurrency)
    parking = Parking(
        broker=parts.broker,
        delays=parts.topology.delays,
        most_waiting=max(1, prefetch // PARKING_PART),
        clock=clock,
        logger=logger,
    )
    intake = Intake(channel=kit.channel, store=store, identifiers=runtime.identifiers, logger=logger)
    suppressing = _suppressing(kit, parts, results)
    preparation = _preparation(kit, parts, results, retry_delays, suppressing)
    tracing = _tracing(kit, parts)
    _begin_at_zero(kit.channel, router, runtime.metrics)
    return Engine(
        channel=kit.channel,
        prefetch=prefetch,
        broker=parts.broker,
        claiming=(Claiming if tracing is None else partial(TracedClaiming, tracing=tracing))(
            channel=kit.channel,
            store=store,
            intake=intake,
            preparation=preparation,
            leases=leases,
            clock=clock,
            identifiers=runtime.identifiers,
            logger=logger,
            worker=parts.worker,
        ),
        burying=Burying(
            channel=kit.channel,
            store=store,
            publisher=publisher,
            intake=intake,
            parking=parking,
            clock=clock,
            logger=logger,
        ),
        preparation=preparation,
        sending=_sending(kit, parts, router, results, preparation, leases, suppressing),
        recorder=Recorder(
            store=store,
            publisher=publisher,
            parking=parking,
            leases=leases,
            slots=slots,
            clock=clock,
            metrics=runtime.metrics,
            logger=logger,
        ),
        leases=leases,
        keepers=_keepers(kit, parts, router),
        slots=slots,
        clock=clock,
        logger=logger,
        tracing=tracing,
    )


def _begin_at_zero(channel: Channel, router: Router, metrics: Metrics) -> None:
    """Show the counters before the first event: a rate does not see the event that a series begins with."""
    for status in ENDS:
        metrics.notifications_finished_total.labels(channel, status)
    for route in router.routes:
        for word in OUTCOME_WORDS:
            metrics.attempts_total.labels(route.name, word)


def _tracing(kit: ChannelKit, parts: EngineParts) -> DeliveryTracing | None:
    """The spans of the channel's engine; None where tracing is off."""
    if parts.runtime.tracing is None:
        return None
    system = parts.broker.system if isinstance(parts.broker, TracedBroker) else "memory"
    return DeliveryTracing(parts.runtime.tracing, kit.channel, system=system)


def _suppressing(kit: ChannelKit, parts: EngineParts, results: Results) -> Suppressing | None:
    """The check of the channel's addresses against the suppression list, if the channel supports it."""
    if parts.suppressions is None or kit.channel not in SUPPRESSIBLE:
        return None
    return Suppressing(parts.suppressions, results, parts.runtime.clock, parts.runtime.logger)


def _preparation(
    kit: ChannelKit,
    parts: EngineParts,
    results: Results,
    retry_delays: Sequence[timedelta],
    suppressing: Suppressing | None,
) -> Preparation:
    return Preparation(
        channel=kit.channel,
        contacts=parts.contacts,
        templates=parts.templates,
        renderer=parts.renderer,
        addresses_of=kit.addresses_of,
        check_address=kit.check_address,
        results=results,
        delays=retry_delays,
        clock=parts.runtime.clock,
        logger=parts.runtime.logger,
        mandatory=parts.mandatory,
        suppressing=suppressing,
        unsubscribing=parts.unsubscribing,
    )


def _sending(
    kit: ChannelKit,
    parts: EngineParts,
    router: Router,
    results: Results,
    preparation: Preparation,
    leases: LeaseKeeper,
    suppressing: Suppressing | None,
) -> Sending:
    clock = parts.runtime.clock
    sandbox = Route(provider=SandboxProvider(), name="sandbox", breaker=LocalBreaker(clock, automatic=False))
    tracing = _tracing(kit, parts)
    make: Callable[..., Sending] = Sending if tracing is None else partial(TracedSending, tracing=tracing)
    return make(
        router=router,
        sandbox=Router([sandbox], clock),
        results=results,
        changed=preparation.changed,
        leases=leases,
        clock=clock,
        metrics=parts.runtime.metrics,
        logger=parts.runtime.logger,
        unsubscribing=parts.unsubscribing,
        devices=parts.devices if kit.channel is Channel.PUSH else None,
        failover_after=parts.failover_after,
        suppressing=suppressing,
        gate=kit.gate,
        attaching=Attaching(parts.store, results, clock) if kit.channel is Channel.EMAIL else None,
        exempt=parts.never_paused,
    )


def _router(kit: ChannelKit, parts: EngineParts) -> Router:
    """The way to each provider."""
    clock = parts.runtime.clock
    names = [one.name for one in kit.configured] or numbered([provider.name for provider in kit.providers])
    weights = [one.weight for one in kit.configured] or [None] * len(names)
    make = LocalBreaker if parts.providers is None else Breaker
    routes = [
        Route(
            provider=with_crash_point(provider, parts.crash_at),
            name=name,
            breaker=make(clock, automatic=provider.name not in _ON_DEMAND),
            weight=weight,
        )
        for provider, name, weight in zip(kit.providers, names, weights, strict=True)
    ]
    return Router(routes, clock)


def _keepers(kit: ChannelKit, parts: EngineParts, router: Router) -> Sequence[BreakerKeeper | ReputationGuard]:
    """What keeps breakers in step with those of other workers, and judges senders where addresses can bounce."""
    store, runtime = parts.providers, parts.runtime
    if store is None or not kit.configured:
        return ()
    pairs = list(zip(kit.configured, router.routes, strict=True))
    kept = [Kept(one, route.breaker, route.sender) for one, route in pairs]
    breakers = BreakerKeeper(kept, store=store, worker=parts.worker, runtime=runtime)
    if kit.channel not in SUPPRESSIBLE:
        return (breakers,)
    watched = [Watched(one, route.sender) for one, route in pairs]
    return breakers, ReputationGuard(watched, store=store.reputation, limits=parts.limits, runtime=runtime)
