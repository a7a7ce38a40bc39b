"""The figures of the last hour: rate, latency, share of failures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.activity import Minute, Recent

MEAN_OF = 5
"""The number of past minutes in the mean rate."""
FINISHED = frozenset({Status.SENT, Status.DELIVERED, Status.FAILED})
"""The statuses that count for the share of failures. Skipped, cancelled and expired notifications were not sent."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of the seconds from acceptance until the provider accepted the message; None without a sample."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of the last hour.

    `per_minute` is the mean number accepted in the last five complete minutes. `sample` is the number of recent
    notifications that the other figures are based on.
    """

    per_minute: float
    latency: Latency
    failed_share: float | None
    sample: int
    by_channel: Mapping[Channel, int]


def figures_of(minutes: Sequence[Minute], recent: Sequence[Recent]) -> Figures:
    """Compute the figures from the minutes of the last hour, oldest first, and from its newest notifications."""
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
    """The share of failures among the notifications in a `FINISHED` status, None without any."""
    finished = [one for one in recent if one.status in FINISHED]
    if not finished:
        return None
    return sum(one.status is Status.FAILED for one in finished) / len(finished)


def _rank(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
