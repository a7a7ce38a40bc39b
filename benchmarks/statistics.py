"""Percentiles, medians and spreads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over its repeats: the median, the lowest and the highest value."""

    median: float
    lowest: float
    highest: float
    repeats: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value. Raises ValueError for none."""
        if not values:
            raise ValueError("no values")
        return cls(median(values), min(values), max(values), len(values))

    @property
    def relative(self) -> float:
        """The difference between the highest and the lowest value, relative to the median."""
        return (self.highest - self.lowest) / self.median if self.median else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` (0 < share ≤ 1) of `values` do not exceed.

    Raises ValueError for no values or a share outside.
    """
    if not values or not 0 < share <= 1:
        raise ValueError("needs values, and a share above 0 and at most 1")
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def shown(value: float) -> str:
    """Three significant digits, with commas between thousands."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    rounded = round(value, 2 - math.floor(math.log10(abs(value))))
    return f"{rounded:,.{digits}f}"
