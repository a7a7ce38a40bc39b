"""The current problems, most urgent first, each with a suggested action."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.model import Standing
from angarium.notifications.providers.reputation import DEFAULT_LIMITS, Limits
from angarium.services.gateway.dashboard.overview.figures import Figures
from angarium.services.gateway.dashboard.overview.finding import Finding, Severity
from angarium.services.gateway.dashboard.overview.senders import LOOK_AT_PROVIDERS, PROVIDERS, providers_of
from angarium.services.gateway.dashboard.viewing import PREFIX

OLD_SECONDS, VERY_OLD_SECONDS = 60.0, 300.0
"""The age of due work from which there is a warning, and from which it is critical."""
LEAST_NOTIFICATIONS = 20
"""The minimum number of notifications for a meaningful share."""
FAILED_SHARE = 0.05
"""The share of failed notifications from which there is a warning."""
LONG_OUTBOX = 1_000
"""The number of messages in the outbox from which there is a warning."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A work queue: ready messages, consumers, and for how many seconds its oldest work has been due."""

    name: str
    channel: Channel
    messages: int
    consumers: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The state shared by all tenants. `queues` is None if the broker does not answer.

    `limits` are the rates above which a provider's marketing is paused.
    """

    providers: Sequence[Standing] = ()
    queues: Sequence[Queue] | None = ()
    outbox: int = 0
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The data from which findings are derived. `system` is None for tenants other than the default one."""

    figures: Figures
    unfinished: Mapping[Status, int]
    dead_letters: int
    oldest_unknown: datetime | None = None
    channels: frozenset[Channel] = field(default_factory=frozenset)
    system: System | None = None


def findings_of(state: State) -> Sequence[Finding]:
    """All findings, most urgent first."""
    found = [*_system_findings(state), *_failures(state.figures), *_unknown(state), *_dead_letters(state)]
    return sorted(found, key=lambda finding: finding.severity)


def _system_findings(state: State) -> Iterator[Finding]:
    system = state.system
    if system is None:
        return
    if system.queues is None:
        yield Finding(
            severity=Severity.CRITICAL,
            title="The broker does not answer",
            detail="Notifications are accepted and stored, but nothing is sent until the broker is back.",
            command="curl -s localhost:8000/ready",
        )
    yield from providers_of(system.providers, system.limits)  # before the queues: a provider may be the cause
    for queue in system.queues or ():
        yield from _queue(queue, state.channels)
    if system.outbox >= LONG_OUTBOX:
        yield Finding(
            severity=Severity.WARNING,
            title=f"{_count(system.outbox)} messages wait in the outbox",
            detail="They are published automatically once the broker accepts messages again.",
        )


def _queue(queue: Queue, channels: frozenset[Channel]) -> Iterator[Finding]:
    if not queue.consumers and queue.messages and queue.channel in channels:
        yield Finding(
            severity=Severity.CRITICAL,
            title=f"No worker consumes {queue.name}",
            detail=f"{_count(queue.messages)} messages are waiting.",
            command=f"angarium work {queue.channel}",
        )
    elif queue.seconds is not None and queue.seconds >= OLD_SECONDS:
        urgent = queue.seconds >= VERY_OLD_SECONDS
        yield Finding(
            severity=Severity.CRITICAL if urgent else Severity.WARNING,
            title=f"Work in {queue.name} has been due for {queue.seconds / 60:.0f} min",
            detail=f"{_count(queue.messages)} messages, {queue.consumers} consumers. Add workers, or check providers.",
            href=PROVIDERS,
            action=LOOK_AT_PROVIDERS,
        )


def _failures(figures: Figures) -> Iterator[Finding]:
    share = figures.failed_share
    if share is not None and figures.sample >= LEAST_NOTIFICATIONS and share >= FAILED_SHARE:
        yield Finding(
            severity=Severity.WARNING,
            title=f"{share:.0%} of recent notifications failed",
            detail=f"Of those among the newest {figures.sample:,} of the last hour that were sent or failed.",
            href=f"{PREFIX}/notifications?status=failed",
            action="Show failed notifications",
        )


def _unknown(state: State) -> Iterator[Finding]:
    count = state.unfinished.get(Status.UNKNOWN, 0)
    if count:
        yield Finding(
            severity=Severity.WARNING,
            title=f"{_count(count)} with an unknown outcome",
            detail="A worker stopped during the send. They are not sent again automatically: set each outcome.",
            since=state.oldest_unknown,
            href=f"{PREFIX}/notifications?{urlencode({'status': Status.UNKNOWN.value})}",
            action="Set outcomes",
        )


def _dead_letters(state: State) -> Iterator[Finding]:
    if state.dead_letters:
        yield Finding(
            severity=Severity.NOTICE,
            title=f"{_count(state.dead_letters)} dead letters",
            detail="Find the reason, fix it, then replay them.",
            href=f"{PREFIX}/dead-letters",
            action="Look at dead letters",
        )


def _count(number: int) -> str:
    return "More than 10,000" if number > 10_000 else f"{number:,}"  # noqa: PLR2004 - where counting ends
