"""The chart of the last hour as SVG: a bar for each minute, with the failed share at its bottom."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from angarium.notifications.store.read.activity import Minute

HEIGHT = 100
"""The height of the drawing, in its own units."""
STEP, WIDTH = 10, 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute. Positions and sizes are in units of the drawing; `title` is the tooltip."""

    x: int
    y: float
    height: float
    failed_y: float
    failed: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart. `top` is the value of the highest grid line, in notifications per minute."""

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
    """The next of 1, 2, 5, 10, 20, 50, …: with these steps the scale rarely changes."""
    if value <= 1:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 5, 10) if value <= step * size)


def _bar(number: int, minute: Minute, top: float) -> Bar:
    height = round(minute.accepted / top * HEIGHT, 1)
    failed = round(minute.failed / top * HEIGHT, 1)
    if minute.failed:
        failed = max(failed, 2.0)  # keeps a small number of failures visible
    title = f"{minute.start:%H:%M} UTC: {minute.accepted:,.0f} accepted, {minute.failed:,.0f} failed"
    height = max(height, failed)
    return Bar(number * STEP, round(HEIGHT - height, 1), height, round(HEIGHT - failed, 1), failed, title)
