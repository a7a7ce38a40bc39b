"""The chart of the last hour as SVG: a bar for each minute, what failed at its foot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from angarium.notifications.store.read.activity import Minute

HEIGHT = 100
"""Of the drawing, in its own units; a bar is 10 wide."""
STEP, WIDTH = 10, 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute. `y`, `height` and `failed` are in units of the drawing, `title` is what a pointer shows."""

    x: int
    y: float
    height: float
    failed_y: float
    failed: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`top`: what the highest line means, per minute."""

    bars: Sequence[Bar]
    width: int
    top: float
    start: datetime | None
    summary: str


def chart_of(minutes: Sequence[Minute]) -> Chart:
    """The chart of `minutes`, oldest first."""
    top = round_up(max((minute.accepted for minute in minutes), default=0.0))
    accepted = sum(minute.accepted for minute in minutes)
    failed = sum(minute.failed for minute in minutes)
    summary = f"{accepted:,.0f} accepted in the last {len(minutes)} minutes, {failed:,.0f} of them failed"
    bars = [_bar(number, minute, top) for number, minute in enumerate(minutes)]
    return Chart(bars, len(minutes) * STEP, top, minutes[0].start if minutes else None, summary)


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, … so that the scale seldom changes."""
    if value <= 1:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 5, 10) if value <= step * size)


def _bar(number: int, minute: Minute, top: float) -> Bar:
    height = round(minute.accepted / top * HEIGHT, 1)
    failed = round(minute.failed / top * HEIGHT, 1)
    if minute.failed:
        failed = max(failed, 2.0)  # a failure can be seen, however many others succeeded
    title = f"{minute.start:%H:%M} UTC: {minute.accepted:,.0f} accepted, {minute.failed:,.0f} failed"
    height = max(height, failed)
    return Bar(number * STEP, round(HEIGHT - height, 1), height, round(HEIGHT - failed, 1), failed, title)
