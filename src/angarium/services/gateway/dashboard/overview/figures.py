"""Figures of what has happened lately."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.activity import Minute, Recent

MEAN_OF = 5
FINISHED = frozenset({Status.SENT, Status.DELIVERED, Status.FAILED})
"""Statuses that say whether sending worked. What was skipped, cancelled or late was not tried."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from acceptance until the provider took responsibility; None without a sample."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last hour. `per_minute`: accepted, the mean of the last five whole minutes; `sample`: those looked at."""

    per_minute: float
    latency: Latency
    failed_share: float | None
    sample: int
    by_channel: Mapping[Channel, int]


def figures_of(minutes: Sequence[Minute], recent: Sequence[Recent]) -> Figures:
    """Figures of the chart's minutes, oldest first, and of the newest notifications."""
    whole = minutes[:-1][-MEAN_OF:]
    return Figures(
        per_minute=sum(minute.accepted for minute in whole) / len(whole) if whole else 0.0,
        latency=latency_of([one.seconds for one in recent if one.seconds is not None]),
        failed_share=failed_share(recent),
        sample=len(recent),
        by_channel=Counter(one.channel for one in recent),
    )


def latency_of(seconds: Sequence[float]) -> Latency:
    """Percentiles by the nearest-rank method."""
    ordered = sorted(seconds)
    return Latency(*(_rank(ordered, share) for share in (50, 95, 99)))


def failed_share(recent: Sequence[Recent]) -> float | None:
    """The share of failures among what was tried to its end; None where nothing was."""
    finished = [one for one in recent if one.status in FINISHED]
    if not finished:
        return None
    return sum(one.status is Status.FAILED for one in finished) / len(finished)


def _rank(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
