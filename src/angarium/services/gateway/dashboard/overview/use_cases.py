"""Reads the data of the overview. Without an answer from a dependency, only its part of the page is missing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from angarium.contracts.errors import Transient
from angarium.contracts.messages import light_queue, urgent_queue, work_queue
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.model import Standing
from angarium.notifications.providers.reputation import DEFAULT_LIMITS, Limits
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.read.activity import SPAN, ActivityReader, Minute
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock
from angarium.services.gateway.dashboard.overview.figures import Figures, figures_of
from angarium.services.gateway.dashboard.overview.finding import Finding
from angarium.services.gateway.dashboard.overview.findings import Queue, State, System, findings_of

MINUTES = 60
SETTLED = timedelta(minutes=10)
"""Older minutes are not counted again: almost all of their notifications have ended."""
RECOUNT_AFTER = timedelta(seconds=30)
"""How often a past minute that is younger than `SETTLED` is counted again."""
ReadT = TypeVar("ReadT")
FIGURES_SECONDS, SYSTEM_SECONDS = 10.0, 5.0
"""How long the figures of the last hour are cached, and the state of queues, providers and the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the overview reads from. `channels` have a provider; `limits` are those of bounces and complaints."""

    activity: ActivityReader
    providers: Callable[[], Awaitable[Sequence[Standing]]]
    outbox: Callable[[], Awaitable[int]]
    oldest_work: Callable[[], Awaitable[Mapping[str, datetime]]]
    count_letters: Callable[[str], Awaitable[int]]
    broker: Broker
    channels: frozenset[Channel]
    clock: Clock
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The data of a tenant's overview at one time. `system` is None for tenants other than the default one."""

    at: datetime
    findings: Sequence[Finding]
    figures: Figures
    minutes: Sequence[Minute]
    unfinished: Mapping[Status, int]
    dead_letters: int
    system: System | None


class Overview:
    """Reads overviews. Caches counts, so that only new minutes are counted. Raises DatabaseUnavailable."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._counted: dict[str, Mapping[datetime, tuple[datetime, Minute]]] = {}
        self._read: dict[str, tuple[float, Any]] = {}

    async def snapshot(self, tenant: str) -> Snapshot:
        """The overview of a tenant; that of the default tenant includes queues and providers."""
        sources, now = self._sources, self._sources.clock.now()
        minutes, figures = await self._kept(
            f"figures of {tenant}", FIGURES_SECONDS, lambda: self._read_figures(tenant, now)
        )
        unfinished = await sources.activity.unfinished(tenant)
        letters = await sources.count_letters(tenant)
        unknown = unfinished[Status.UNKNOWN]
        state = State(
            figures=figures,
            unfinished=unfinished,
            dead_letters=letters,
            oldest_unknown=await sources.activity.oldest(tenant, Status.UNKNOWN) if unknown else None,
            channels=sources.channels,
            system=await self._system() if tenant == DEFAULT_TENANT else None,
        )
        return Snapshot(
            at=now,
            findings=findings_of(state),
            figures=state.figures,
            minutes=minutes,
            unfinished=unfinished,
            dead_letters=letters,
            system=state.system,
        )

    async def _minutes(self, tenant: str, now: datetime) -> Sequence[Minute]:
        """The minutes of the last hour, oldest first. The last one is the current minute."""
        current = now.replace(second=0, microsecond=0)
        starts = [current - step * SPAN for step in reversed(range(MINUTES))]
        kept = self._counted.get(tenant, {})  # a concurrent call may replace it during the query
        wanted = [start for start in starts if _stale(start, kept.get(start), now)]
        found = await self._sources.activity.minutes(tenant, wanted)
        fresh = {minute.start: (now, minute) for minute in found}
        self._counted[tenant] = counted = {start: fresh.get(start) or kept[start] for start in starts}
        return [counted[start][1] for start in starts]

    async def _read_figures(self, tenant: str, now: datetime) -> tuple[Sequence[Minute], Figures]:
        minutes = await self._minutes(tenant, now)
        recent = await self._sources.activity.recent(tenant, now - MINUTES * SPAN)
        return minutes, figures_of(minutes, recent)

    async def _system(self) -> System:
        return await self._kept("system", SYSTEM_SECONDS, self._read_system)

    async def _kept(self, name: str, seconds: float, read: Callable[[], Awaitable[ReadT]]) -> ReadT:
        """The value cached under `name` if it is younger than `seconds`, else the result of `read`."""
        moment, kept = self._sources.clock.monotonic(), self._read.get(name)
        if kept is None or moment - kept[0] >= seconds:
            kept = self._read[name] = moment, await read()
        value: ReadT = kept[1]
        return value

    async def _read_system(self) -> System:
        sources = self._sources
        queues, providers, outbox = await asyncio.gather(
            _or_none(self._queues), _or_none(sources.providers), _or_none(sources.outbox)
        )
        return System(
            queues=queues,
            providers=providers or (),
            outbox=min(outbox or 0, MOST_COUNTED),
            limits=sources.limits,
        )

    async def _queues(self) -> Sequence[Queue]:
        names = {
            name: channel
            for channel in Channel
            for name in (work_queue(channel), urgent_queue(channel), light_queue(channel))
        }
        found = await self._sources.broker.stats(list(names))
        oldest, now = await self._sources.oldest_work(), self._sources.clock.now()
        return [
            Queue(
                name=stats.name,
                channel=names[stats.name],
                messages=stats.messages,
                consumers=stats.consumers,
                seconds=max(0.0, (now - oldest[stats.name]).total_seconds()) if stats.name in oldest else None,
            )
            for stats in found
        ]


async def _or_none(read: Callable[[], Awaitable[ReadT]]) -> ReadT | None:
    try:
        return await read()
    except Transient:
        return None


def _stale(start: datetime, counted: tuple[datetime, Minute] | None, now: datetime) -> bool:
    """Whether a minute must be counted, or counted again."""
    if counted is None:
        return True
    age = now - start
    if age < 2 * SPAN:
        return True
    return age < SETTLED and now - counted[0] >= RECOUNT_AFTER
