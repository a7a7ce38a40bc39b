"""What a run found, as it is kept: every figure of every repeat, and under which conditions."""

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
    """`systems`: of each the figures of its repeats. `limits`: what the load generator and the sink do alone."""

    titles: Mapping[str, str]
    systems: Mapping[str, Sequence[Figures]]
    limits: Sequence[Figures] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)

    def spread(self, system: str, figure: str) -> Spread | None:
        """A figure over the repeats; None if the system has it in none."""
        values = [figures[figure] for figures in self.systems.get(system, ()) if figure in figures]
        return Spread.of(values) if values else None

    def limit(self, figure: str) -> Spread | None:
        """As `spread`, of the load generator and the sink."""
        values = [figures[figure] for figures in self.limits if figure in figures]
        return Spread.of(values) if values else None

    def total(self, prefix: str, system: str) -> float:
        """The sum of the medians of all figures whose names begin so."""
        names = {name for figures in self.systems.get(system, ()) for name in figures if name.startswith(prefix)}
        return sum(spread.median for name in names if (spread := self.spread(system, name)))

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """From JSON of `write`."""
        return cls(**json.loads(path.read_text()))


def conditions_here(cores: int, when: str, **more: str) -> Mapping[str, str]:
    """What a figure depends on."""
    return {
        "when": when,
        "cores": str(cores),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **more,
    }
