"""The stored results of a run: every figure of every repeat, and the conditions."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.statistics import Spread

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Results:
    """`systems`: the figures of each system's repeats. `limits`: those of the load generator and the sink alone."""

    titles: Mapping[str, str]
    systems: Mapping[str, Sequence[Figures]]
    limits: Sequence[Figures] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)

    def spread(self, system: str, figure: str) -> Spread | None:
        """The spread of a figure over the repeats; None if the system does not have it."""
        values = [figures[figure] for figures in self.systems.get(system, ()) if figure in figures]
        return Spread.of(values) if values else None

    def limit(self, figure: str) -> Spread | None:
        """As `spread`, for the load generator and the sink."""
        values = [figures[figure] for figures in self.limits if figure in figures]
        return Spread.of(values) if values else None

    def total(self, prefix: str, system: str) -> float:
        """The sum of the medians of all figures whose names begin with `prefix`."""
        names = {name for figures in self.systems.get(system, ()) for name in figures if name.startswith(prefix)}
        return sum(spread.median for name in names if (spread := self.spread(system, name)))

    def write(self, path: Path) -> None:
        """Write the results as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read results written by `write`."""
        return cls(**json.loads(path.read_text()))


def conditions_here(cores: int, when: str, **more: str) -> Mapping[str, str]:
    """The conditions on which the figures depend."""
    return {
        "when": when,
        "cores": str(cores),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **more,
    }
