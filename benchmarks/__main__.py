"""Measures Angarium and its peers, and writes the results to `benchmarks/results`."""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.angarium import Distributed, Embedded
from benchmarks.document import keep_section
from benchmarks.goals import goals_table
from benchmarks.limits import measure_limits
from benchmarks.measures import QUICK, Figures, Measurer, Size
from benchmarks.peer import RECIPES, Peer
from benchmarks.plot import CHARTS, chart
from benchmarks.resident import Load, Sink
from benchmarks.results_file import Results, conditions_here
from benchmarks.servers import Servers, private_servers
from benchmarks.system import System
from benchmarks.table import limits_table, page, systems_table

Make = Callable[[Path, int, Servers, str | None], System]
RESULTS = Path(__file__).parent / "results"


def _peer(name: str) -> Make:
    return lambda folder, port, servers, _: Peer(folder, sink_port=port, servers=servers, name=name)


SYSTEMS: Mapping[str, Make] = {
    "angarium": lambda folder, port, servers, source: Distributed(
        folder, sink_port=port, servers=servers, source=source
    ),
    "embedded": lambda folder, port, _, source: Embedded(folder, sink_port=port, source=source),
    **{name: _peer(name) for name in RECIPES},
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short repeats, to check that everything runs")
    parser.add_argument("--repeats", type=int, help="how often each system is measured (5)")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="the systems, separated by commas (all)")
    parser.add_argument("--name", help="the name of the results (latest, or quick)")
    parser.add_argument("--source", help="measure the product of this `src` folder instead of this working copy's")
    return parser.parse_args()


@contextmanager
def _explained(system: System) -> Iterator[None]:
    """On an error, show the logs of the system's processes."""
    try:
        yield
    except Exception:
        print(system.logs(), file=sys.stderr)
        raise


def _measure(
    systems: Sequence[System], measurer: Measurer, repeats: int
) -> tuple[Mapping[str, list[Figures]], list[Figures]]:
    """Interleave the measurements: each repeat measures the instruments and all systems, in a different order."""
    results: dict[str, list[Figures]] = {system.name: [] for system in systems}
    limits = []
    for system in systems:
        with _explained(system):
            measurer.warm_up(system)
    for repeat in range(repeats):
        turn = repeat % len(systems)
        limits.append(measure_limits(measurer.load, measurer.sink))
        for system in [*systems[turn:], *systems[:turn]]:
            began = time.monotonic()
            with _explained(system):
                figures = measurer.measure(system)
            results[system.name].append(figures)
            _tell(f"{repeat + 1}/{repeats} {system.name}", time.monotonic() - began, figures)
    for system in systems:
        for figures in results[system.name] if system.has_extremes else ():
            with _explained(system):
                figures.update(measurer.measure_extremes(system))
    return results, limits


def _tell(what: str, seconds: float, figures: Figures) -> None:
    shown = " ".join(f"{name}={value:.4g}" for name, value in figures.items())
    print(f"{what} ({seconds:.0f} s): {shown}", flush=True)


def _run(names: Sequence[str], repeats: int, size: Size, source: str | None) -> Results:
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        systems = []
        for name in names:
            system = SYSTEMS[name](folder / name, sink.port, servers, source)
            stack.callback(system.kill)
            with _explained(system):
                system.start()
            systems.append(system)
        figures, limits = _measure(systems, Measurer(load, sink, size, servers.cpu), repeats)
        versions = servers.versions()
        for system in systems:
            system.stop()
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    titles = {system.name: system.title for system in systems}
    return Results(titles, figures, limits, conditions_here(os.cpu_count() or 1, when, **versions))


def _write(results: Results, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    results.write(folder / f"{name}.json")
    plots = {figure: f"{name}-{figure.replace('_', '-')}.svg" for figure, _ in CHARTS}
    for figure, title in CHARTS:
        (folder / plots[figure]).write_text(chart(results, figure, title))
    shown = "\n".join(f"![{title}]({plots[figure]})" for figure, title in CHARTS)
    (folder / f"{name}.md").write_text(f"{page(results)}\n## Charts\n\n{shown}\n")


def _allow_many_connections() -> None:
    """Raise the limit of open files, which processes inherit, to its maximum."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> int:
    """Run all measurements."""
    arguments = _arguments()
    _allow_many_connections()
    name = arguments.name or ("quick" if arguments.quick else "latest")
    repeats = arguments.repeats or (2 if arguments.quick else 5)
    results = _run(arguments.systems.split(","), repeats, QUICK if arguments.quick else Size(), arguments.source)
    _write(results, RESULTS, name)
    if name == "latest":
        keep_section("results", f"{goals_table(results)}\n\n{systems_table(results)}\n\n{limits_table(results)}")
    print(page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
