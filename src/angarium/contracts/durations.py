"""Durations: parsing, limits of retry delays, and additions that cannot overflow."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from angarium.contracts.fields import LATEST

SHORTEST_RETRY = timedelta(milliseconds=10)
"""The shortest retry delay. Immediate retries would add load to an overloaded provider."""
LONGEST_RETRY = timedelta(hours=24)
MOST_RETRIES = 20
LONGEST = timedelta(days=36_500)
"""The longest duration, so that a time can be moved by it without overflow."""
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> timedelta:
    """Parse `250ms`, `10s`, `1.5m`, `1h` or `2d`. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        message = "must be a duration such as 250ms, 10s, 2m or 1h"
        raise ValueError(message)
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST.total_seconds():
        message = "is too long a duration; at most 36500d"
        raise ValueError(message)
    return timedelta(seconds=seconds)


def check_retry_delay(delay: timedelta) -> timedelta:
    """Validate a delay between two attempts and return it. Raises ValueError."""
    if not SHORTEST_RETRY <= delay <= LONGEST_RETRY:
        message = "a retry delay must lie between 10ms and 24h"
        raise ValueError(message)
    return delay


def check_retry_delays(delays: Sequence[timedelta]) -> Sequence[timedelta]:
    """Validate a retry schedule and return it. Raises ValueError."""
    if len(delays) > MOST_RETRIES:
        message = f"must have at most {MOST_RETRIES} retry delays"
        raise ValueError(message)
    for delay in delays:
        check_retry_delay(delay)
    return delays


def stored_retry_delays(delays: Iterable[str]) -> Sequence[timedelta]:
    """Clamp the retry schedule of a stored template, which an older release may have accepted."""
    return [_nearest(delay) for delay in delays][:MOST_RETRIES]


def later(moment: datetime, wait: timedelta) -> datetime:
    """`moment` plus `wait`, clamped to `LATEST`. Never overflows."""
    try:
        return min(moment + wait, LATEST)
    except OverflowError:
        return LATEST if wait > timedelta(0) else moment


def _nearest(delay: str) -> timedelta:
    try:
        return min(max(parse_duration(delay), SHORTEST_RETRY), LONGEST_RETRY)
    except ValueError:
        return LONGEST_RETRY


def _check_text(delay: str) -> str:
    check_retry_delay(parse_duration(delay))
    return delay


RetryDelay = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?(ms|s|m|h)$"), AfterValidator(_check_text)
]
"""The wait before a retry, in a request: 10 ms to 24 h."""
RetryDelays = Annotated[list[RetryDelay], Field(max_length=MOST_RETRIES)]
