"""Measures Angarium and its peers side by side and writes what came out to `benchmarks/results`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.angarium import Distributed, Embedded
from benchmarks.measures import QUICK, Figures, Measurer, Size
from benchmarks.peer import naive
from benchmarks.resident import Load, Sink
from benchmarks.servers import Servers, private_servers
from benchmarks.system import System

Make = Callable[[Path, int, Servers], System]
SYSTEMS: Mapping[str, Make] = {
    "angarium": lambda folder, port, servers: Distributed(folder, sink_port=port, servers=servers),
    "embedded": lambda folder, port, _: Embedded(folder, sink_port=port),
    "naive": lambda folder, port, servers: naive(folder, sink_port=port, servers=servers),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short repeats, to see that all of it runs")
    parser.add_argument("--repeats", type=int, help="how often each system is measured (5)")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="which, parted by commas (all)")
    parser.add_argument("--name", default="latest", help="the name of the results")
    return parser.parse_args()


def _measure(systems: Sequence[System], measurer: Measurer, repeats: int) -> dict[str, list[Figures]]:
    """Interleaved: each repeat takes all systems, beginning with another one."""
    results: dict[str, list[Figures]] = {system.name: [] for system in systems}
    for system in systems:
        measurer.warm_up(system)
    for repeat in range(repeats):
        turn = repeat % len(systems)
        for system in [*systems[turn:], *systems[:turn]]:
            began = time.monotonic()
            try:
                figures = measurer.measure(system)
            except Exception:
                print(system.logs(), file=sys.stderr)
                raise
            results[system.name].append(figures)
            shown = " ".join(f"{name}={value:.4g}" for name, value in figures.items())
            print(f"{repeat + 1}/{repeats} {system.name} ({time.monotonic() - began:.0f} s): {shown}", flush=True)
    return results


def main() -> int:
    """Run all of it."""
    arguments = _arguments()
    size = QUICK if arguments.quick else Size()
    repeats = arguments.repeats or (2 if arguments.quick else 5)
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        systems = []
        for name in arguments.systems.split(","):
            system = SYSTEMS[name](folder / name, sink.port, servers)
            stack.callback(system.kill)
            system.start()
            systems.append(system)
        results = _measure(systems, Measurer(load, sink, size, servers.cpu), repeats)
        for system in systems:
            system.stop()
    Path("benchmarks/results").mkdir(exist_ok=True)
    Path(f"benchmarks/results/{arguments.name}.json").write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
