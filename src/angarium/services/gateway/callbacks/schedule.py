"""The retry schedule of callbacks, and when endpoints are disabled."""

from collections.abc import Sequence
from datetime import timedelta

SCHEDULE: Sequence[timedelta] = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=24),
)
"""The delays between attempts: the first within seconds, the last after nearly two days (Standard Webhooks,
"Deliverability and reliability")."""
GIVEN_UP_AFTER = timedelta(days=3)
"""An endpoint that accepted nothing for this long is disabled."""
LONGEST_WAIT = timedelta(hours=24)


def next_wait(tries: int, asked: timedelta | None, schedule: Sequence[timedelta] = SCHEDULE) -> timedelta | None:
    """The delay after the failed attempt number `tries` (from 1); None: it was the last one.

    `asked`: the endpoint's Retry-After, which overrides a shorter scheduled delay, up to a day.
    """
    if tries > len(schedule):
        return None
    return max(schedule[tries - 1], min(asked or timedelta(0), LONGEST_WAIT))
