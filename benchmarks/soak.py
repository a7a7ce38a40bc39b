"""Constant load for half an hour, to find leaks: memory, open files, database connections, and the tails of latency.

    .venv/bin/python -m benchmarks.soak [--minutes 30] [--form distributed|embedded] [--rate N]

Without `--rate` the rate is half of what the system sustains end to end, measured first. The load comes in slices of
ten seconds. After each slice every accepted notification must have arrived exactly once, and every process is sampled.
Writes a chart to `benchmarks/results/soak.svg` and a table to docs/performance.md. Exits with 1 if a limit is exceeded.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg

from benchmarks.accounting import family, open_files, resident_megabytes
from benchmarks.angarium import Distributed, Embedded
from benchmarks.document import keep_section
from benchmarks.line_chart import Panel, line_chart
from benchmarks.measures import CLIENTS, Measurer, NotDelivered, Size
from benchmarks.resident import Load, Sink
from benchmarks.servers import private_servers
from benchmarks.statistics import shown

SLICE_SECONDS = 10.0
CONNECTIONS = 16
FIRST_PART, LAST_PART = 1 / 6, 5 / 6
"""Memory and files are compared between the second sixth, when caches are full, and the last sixth."""
MOST_GROWTH = 1.05
MOST_MORE = 3
"""Files and connections: pools open theirs on demand. One that leaks every minute shows after half an hour."""
MOST_SLOWER = 1.5
"""p99 of the last third, compared with the first third."""
CAPACITY_RUNS = 3
CHART = Path(__file__).parent / "results" / "soak.svg"
KEPT_MINUTES = 30.0
"""Shorter runs do not replace the table."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One slice: p99 in milliseconds, resident megabytes and open files by process, PostgreSQL's connections."""

    accepted: int
    accept_p99: float
    sent_p99: float
    memory: Mapping[str, float]
    files: Mapping[str, int]
    connections: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the verdict: a figure early and late in the run, and whether it is within its limit."""

    title: str
    early: float
    late: float
    good: bool


def verdict(samples: Sequence[Sample]) -> Sequence[Line]:
    """Compare the early and the late part of a run. Needs at least six samples."""
    first = samples[max(1, int(len(samples) * FIRST_PART)) : max(2, int(len(samples) * FIRST_PART * 2))]
    last = samples[int(len(samples) * LAST_PART) :]
    lines = []
    for name in samples[0].memory:
        early, late = (median(one.memory[name] for one in part) for part in (first, last))
        lines.append(Line(f"{name}: memory, MB", early, late, late < early * MOST_GROWTH))
        early, late = (float(max(one.files[name] for one in part)) for part in (first, last))
        lines.append(Line(f"{name}: open files", early, late, late <= early + MOST_MORE))
    early, late = (float(max(one.connections for one in part)) for part in (first, last))
    lines.append(Line("connections to PostgreSQL", early, late, late <= early + MOST_MORE))
    third = max(1, len(samples) // 3)
    for title, values in (
        ("accept, p99, ms", [one.accept_p99 for one in samples]),
        ("accept to mail, p99, ms", [one.sent_p99 for one in samples]),
    ):
        early, late = median(values[:third]), median(values[-third:])
        lines.append(Line(title, early, late, late <= early * MOST_SLOWER))
    return lines


def soak_table(lines: Sequence[Line], *, form: str, rate: float, minutes: float, accepted: int) -> str:
    """The verdict as Markdown."""
    head = (
        f"{form}, {rate:.0f}/s for {minutes:g} minutes: {accepted:,} accepted, 0 lost, 0 duplicated.\n\n"
        "| | early | late | |\n|---|---|---|---|\n"
    )
    rows = [
        f"| {line.title} | {shown(line.early)} | {shown(line.late)} | {'ok' if line.good else '**exceeded**'} |"
        for line in lines
    ]
    return head + "\n".join(rows)


class Soak:
    """Runs slices on one system and samples its processes."""

    def __init__(self, system: Distributed | Embedded, load: Load, sink: Sink) -> None:
        self._system = system
        self._load = load
        self._sink = sink
        self.samples: list[Sample] = []

    def capacity(self, measurer: Measurer) -> float:
        """Notifications per second that it sustains end to end: the median of some runs."""
        return median(measurer.measure_delivery(self._system)["end_to_end_rate"] for _ in range(CAPACITY_RUNS))

    def slice(self, rate: float) -> Sample:
        """Ten seconds of load. Raises NotDelivered if something was lost or duplicated."""
        self._sink.reset()
        count = max(1, int(rate * SLICE_SECONDS))
        answer = self._load.run(self._system.job(connections=CONNECTIONS, count=count, rate=rate))
        accepted = int(answer["accepted"])
        report = self._sink.wait(accepted, 60)
        if accepted != count or report["different"] != count or report["mails"] != count:
            raise NotDelivered(f"{count} posted, answers {answer['statuses']}, at the sink {dict(report)}")
        pids = self._system.pids()
        sample = Sample(
            accepted,
            answer["p99_ms"],
            report["p99_ms"],
            {name: resident_megabytes(family(pid)) for name, pid in pids.items()},
            {name: open_files(family(pid)) for name, pid in pids.items()},
            asyncio.run(self._connections()),
        )
        self.samples.append(sample)
        return sample

    async def _connections(self) -> int:
        if not isinstance(self._system, Distributed):
            return 0
        connection = await asyncpg.connect(self._system.notifications_database)
        try:
            query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            return int(await connection.fetchval(query)) - 1
        finally:
            await connection.close()


def _chart(samples: Sequence[Sample]) -> str:
    memory = {name: [one.memory[name] for one in samples] for name in samples[0].memory}
    files = {name: [float(one.files[name]) for one in samples] for name in samples[0].files}
    p99 = {"accept": [one.accept_p99 for one in samples], "accept to mail": [one.sent_p99 for one in samples]}
    minutes = len(samples) * SLICE_SECONDS / 60
    panels = [Panel("Memory, MB", memory), Panel("Open files", files), Panel("p99, ms", p99)]
    return line_chart(panels, minutes, "minutes")


def _run(form: str, minutes: float, rate: float | None) -> tuple[Sequence[Sample], float]:
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        system: Distributed | Embedded = (
            Embedded(folder / "embedded", sink_port=sink.port)
            if form == "embedded"
            else Distributed(folder / "angarium", sink_port=sink.port, servers=servers)
        )
        stack.callback(system.kill)
        system.start()
        measurer = Measurer(load, sink, Size(), servers.cpu)
        measurer.warm_up(system)
        soak = Soak(system, load, sink)
        rate = rate or soak.capacity(measurer) / 2
        print(f"{form}: {rate:.0f}/s for {minutes:g} minutes, {CLIENTS} clients measured the limit", flush=True)
        for number in range(max(6, int(minutes * 60 / SLICE_SECONDS))):
            sample = soak.slice(rate)
            if number % 6 == 0:
                memory = ", ".join(f"{name} {size:.0f} MB" for name, size in sample.memory.items())
                print(f"{number // 6} min: p99 {sample.accept_p99:.1f}, {sample.sent_p99:.1f} ms; {memory}", flush=True)
        system.stop()
    return soak.samples, rate


def main() -> int:
    """Run, print the verdict, and store that of a whole run. 1: a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=KEPT_MINUTES)
    parser.add_argument("--form", choices=("distributed", "embedded"), default="distributed")
    parser.add_argument("--rate", type=float, help="notifications per second, instead of half of what it sustains")
    asked = parser.parse_args()
    samples, rate = _run(asked.form, asked.minutes, asked.rate)
    lines = verdict(samples)
    accepted = sum(one.accepted for one in samples)
    table = soak_table(lines, form=asked.form, rate=rate, minutes=asked.minutes, accepted=accepted)
    print(table)
    if asked.minutes >= KEPT_MINUTES and asked.form == "distributed":
        CHART.write_text(_chart(samples), encoding="utf-8")
        keep_section("soak", table)
    return 0 if all(line.good for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
