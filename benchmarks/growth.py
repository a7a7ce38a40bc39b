"""Compares the cost of a notification with many old ones in the table to the cost with few.

    .venv/bin/python -m benchmarks.growth [--rows 10000000] [--repeats 5] [--source SRC]

Ten million rows take about 10 GB of disk and a quarter of an hour.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import asyncpg

from benchmarks.angarium import Distributed
from benchmarks.document import keep_section
from benchmarks.measures import Figures, Measurer, Size
from benchmarks.resident import Load, Sink
from benchmarks.servers import private_servers
from benchmarks.statistics import Spread, shown
from benchmarks.table import cell

FEW = 10_000
MANY = 10_000_000
_AT_ONCE = 250_000
_OWN = frozenset({"id", "request_id", "created_at", "updated_at"})
_FIGURES = (
    ("end to end, 64 clients, n/s", "end_to_end_rate"),
    ("CPU for 1,000, s", "cpu_seconds_per_1000"),
    ("PostgreSQL for 1,000, s", "cpu_postgresql_seconds_per_1000"),
    ("latency at 50/s, p50, ms", "latency_p50_ms"),
    ("latency at 50/s, p99, ms", "latency_p99_ms"),
)


async def _fill(url: str, already: int, rows: int) -> None:
    """Insert copies of a sent notification, each one second older, with ids of that time (UUIDv7)."""
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notifications'"
        columns = [row["column_name"] for row in await connection.fetch(query)]
        copied = ", ".join(f'"{name}"' for name in columns if name not in _OWN)
        for first in range(already, rows, _AT_ONCE):
            last = min(first + _AT_ONCE, rows)
            await connection.execute(_insert(copied), first, last - 1, timeout=600)
        await connection.execute("ANALYZE notifications", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


def _insert(copied: str) -> str:
    moment = "now() - i * interval '1 second'"
    digits = f"lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0')"
    identifier = f"({digits} || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid"
    return (  # the names are read from the database
        f"INSERT INTO notifications (id, request_id, created_at, updated_at, {copied}) "  # noqa: S608
        f"SELECT {identifier}, 'old-' || i, {moment}, {moment}, {copied} FROM generate_series($1::int, $2::int) AS i, "
        "(SELECT * FROM notifications WHERE status = 'sent' LIMIT 1) AS one"
    )


def growth_table(few: Sequence[Figures], many: Sequence[Figures], rows: int) -> str:
    """A table of both, with the ratio of the medians."""
    lines = [f"| | {FEW:,} rows | {rows:,} rows | ratio |", "|---|---|---|---|"]
    for title, figure in _FIGURES:
        before, after = (Spread.of([figures[figure] for figures in repeats]) for repeats in (few, many))
        ratio = shown(after.median / before.median) if before.median else "–"
        lines.append(f"| {title} | {cell(before)} | {cell(after)} | {ratio}× |")
    return "\n".join(lines)


def _measure(rows: int, repeats: int, source: str | None) -> str:
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        load, sink = stack.enter_context(Load()), stack.enter_context(Sink())
        system = Distributed(folder / "angarium", sink_port=sink.port, servers=servers, source=source)
        stack.callback(system.kill)
        system.start()
        measurer = Measurer(load, sink, Size(), servers.cpu)
        measurer.warm_up(system)
        asyncio.run(_fill(system.notifications_database, 0, FEW))
        few = [measurer.measure_delivery(system) for _ in range(repeats)]
        asyncio.run(_fill(system.notifications_database, FEW, rows))
        measurer.warm_up(system)
        many = [measurer.measure_delivery(system) for _ in range(repeats)]
        system.stop()
    return growth_table(few, many, rows)


def main() -> int:
    """Measure and print the table. Store the table of a complete run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--rows", type=int, default=MANY)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--source", help="measure the product of this `src` folder instead of this working copy's")
    arguments = parser.parse_args()
    table = _measure(arguments.rows, arguments.repeats, arguments.source)
    if arguments.rows >= MANY:
        keep_section("growth", table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
