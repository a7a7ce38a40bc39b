"""Compares two working copies in one run. Each repeat measures both, so that load on the machine affects both.

    .venv/bin/python -m benchmarks.compare --source ../before/src [--repeats 9]
    .venv/bin/python -m benchmarks.compare --workers 1

`--source` is the version before the change; this working copy is the version after it. With `--workers N` instead, the
embedded form of one working copy (`--source`, or this one) is compared without and with N worker processes.

Prints for each form and figure both medians, the ratio after ÷ before (inverted if less is better, so more than 1 is
always better), and its 95 % interval: the median of the repeats' ratios, resampled 2,000 times with a fixed seed. Exits
with 1 if an interval ends below 0.97.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.angarium import Distributed, Embedded
from benchmarks.measures import QUICK, Figures, Measurer, Size
from benchmarks.resident import Load, Sink
from benchmarks.servers import Servers, private_servers
from benchmarks.statistics import percentile, shown
from benchmarks.system import System
from tests.support.servers import Redis

FLOOR = 0.97
"""No figure may drop by more than 3 % without a decision page."""
RESAMPLES = 2000
FIGURES: Sequence[tuple[str, str, bool]] = (
    ("accept, 1 client, n/s", "accept_1_rate", True),
    ("accept, 64 clients, n/s", "accept_64_rate", True),
    ("· p99, ms", "accept_64_p99_ms", False),
    ("accept, 1,000 clients, n/s", "accept_1000_rate", True),
    ("bulks of 1,000, n/s", "bulk_rate", True),
    ("worker alone, n/s", "worker_rate", True),
    ("end to end, 64 clients, n/s", "end_to_end_rate", True),
    ("CPU for 1,000, s", "cpu_seconds_per_1000", False),
    ("latency at 50/s, p50, ms", "latency_p50_ms", False),
    ("· p99, ms", "latency_p99_ms", False),
    ("resident memory, MB", "memory", False),
)
"""Title, name, and whether more is better."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio after ÷ before, inverted if less is better, and the 95 % interval of its median."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, before: Sequence[float], after: Sequence[float], *, more_is_better: bool) -> "Ratio":
        """The ratio of paired values. At least one pair; no value is 0."""
        pairs = zip(before, after, strict=True)
        ratios = [new / old if more_is_better else old / new for old, new in pairs]
        random = Random(1)  # noqa: S311 - a fixed seed gives the same interval for the same values
        medians = [median(random.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)]
        return cls(median(ratios), percentile(medians, 0.025), percentile(medians, 0.975))


def compare(before: Sequence[Figures], after: Sequence[Figures]) -> tuple[Sequence[str], bool]:
    """The lines of a Markdown table, and whether each interval reaches `FLOOR`."""
    lines, good = ["| | before | after | ratio (95 % interval) |", "|---|---|---|---|"], True
    for title, name, more_is_better in FIGURES:
        if name in before[0]:
            old, new = [figures[name] for figures in before], [figures[name] for figures in after]
            ratio = Ratio.of(old, new, more_is_better=more_is_better)
            interval = f"{ratio.lowest:.2f}–{ratio.highest:.2f}"
            lines.append(
                f"| {title} | {shown(median(old))} | {shown(median(new))} | **{ratio.median:.3f}** ({interval}) |"
            )
            good = good and ratio.highest >= FLOOR
    return lines, good


def _measured(
    form: str, source: str, repeats: int, size: Size, *, workers: int | None = None
) -> tuple[Sequence[str], bool]:
    found: dict[str, list[Figures]] = {"before": [], "after": []}
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        measurer = Measurer(load, sink, size, servers.cpu)
        systems: dict[str, System] = {}
        after = None if workers is None else source
        for name, tree, more in (("before", source, 0), ("after", after, workers or 0)):
            # Separate caches: two versions may write different data under the same key.
            own = replace(servers, redis=stack.enter_context(Redis(folder / f"redis-{name}")))
            systems[name] = _system(form, folder / name, sink.port, own, tree, more)
            stack.callback(systems[name].kill)
            systems[name].start()
            measurer.warm_up(systems[name])
        for repeat in range(repeats):
            for name in sorted(systems, reverse=bool(repeat % 2)):
                figures = measurer.measure(systems[name])
                figures["memory"] = sum(value for figure, value in figures.items() if figure.startswith("memory_"))
                found[name].append(figures)
            print(f"{form} {repeat + 1}/{repeats}", file=sys.stderr, flush=True)
        for system in systems.values():
            system.stop()
    return compare(found["before"], found["after"])


def _system(form: str, folder: Path, port: int, servers: Servers, source: str | None, workers: int) -> System:
    if form == "embedded":
        return Embedded(folder, sink_port=port, source=source, workers=workers)
    return Distributed(folder, sink_port=port, servers=servers, source=source)


def main() -> int:
    """Compare both forms. Return 0 if no figure dropped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--source", help="the `src` folder of the tree before the change")
    parser.add_argument("--workers", type=int, help="compare the embedded form without and with workers")
    parser.add_argument("--repeats", type=int, default=9, help="how often both are measured (9)")
    parser.add_argument("--forms", default="distributed,embedded", help="the forms, separated by commas (both)")
    parser.add_argument("--quick", action="store_true", help="short repeats")
    arguments = parser.parse_args()
    if arguments.source is None and arguments.workers is None:
        parser.error("--source or --workers is required")
    all_good, size = True, QUICK if arguments.quick else Size()
    source = arguments.source or str(Path(__file__).parents[1] / "src")
    for form in ["embedded"] if arguments.workers is not None else arguments.forms.split(","):
        lines, good = _measured(form, source, arguments.repeats, size, workers=arguments.workers)
        print(f"\n{form}, {arguments.repeats} repeats\n")
        print("\n".join(lines), flush=True)
        all_good = all_good and good
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
