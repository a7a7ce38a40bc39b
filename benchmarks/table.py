"""The results as Markdown: the figures of each system with their spreads, the goals, and the instruments' limits."""

from collections.abc import Sequence

from benchmarks.goals import goals_table
from benchmarks.results_file import Results
from benchmarks.statistics import Spread, shown

ROWS: Sequence[tuple[str, str]] = (
    ("accept, 1 client, n/s", "accept_1_rate"),
    ("· p50, ms", "accept_1_p50_ms"),
    ("· p99, ms", "accept_1_p99_ms"),
    ("accept, 64 clients, n/s", "accept_64_rate"),
    ("· p50, ms", "accept_64_p50_ms"),
    ("· p99, ms", "accept_64_p99_ms"),
    ("accept, 1,000 clients, n/s", "accept_1000_rate"),
    ("· p50, ms", "accept_1000_p50_ms"),
    ("· p99, ms", "accept_1000_p99_ms"),
    ("bulks of 1,000, n/s", "bulk_rate"),
    ("worker alone, n/s", "worker_rate"),
    ("two workers, n/s", "workers_2_rate"),
    ("end to end, 64 clients, n/s", "end_to_end_rate"),
    ("CPU for 1,000, s", "cpu_seconds_per_1000"),
    ("· PostgreSQL besides, s", "cpu_postgresql_seconds_per_1000"),
    ("· RabbitMQ besides, s", "cpu_rabbitmq_seconds_per_1000"),
    ("latency accept → DATA at 50/s, p50, ms", "latency_p50_ms"),
    ("· p99, ms", "latency_p99_ms"),
    ("10,000 connections at once, p99, s", "crowd_p99_s"),
    ("· gateway's memory afterwards, MB", "crowd_memory_mb"),
)
_LIMITS = (
    ("load generator, 64 connections, requests/s", "load_rate", "accept_64_rate"),
    ("load generator, bulks of 1,000, n/s", "load_bulk_rate", "bulk_rate"),
    ("sink, 16 connections, mails/s", "sink_rate", "worker_rate"),
)


def cell(spread: Spread | None) -> str:
    """The median with its spread, or a dash."""
    if spread is None:
        return "–"
    return f"**{shown(spread.median)}** ({shown(spread.lowest)}–{shown(spread.highest)})"


def systems_table(results: Results) -> str:
    """A table with a column per system, and a row per figure that a system has."""
    names = list(results.systems)
    lines = [f"| | {' | '.join(results.titles[name] for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for title, figure in ROWS:
        spreads = [results.spread(name, figure) for name in names]
        if any(spreads):
            lines.append(f"| {title} | {' | '.join(cell(spread) for spread in spreads)} |")
    memory = [results.total("memory_", name) for name in names]
    lines.append(f"| resident memory of all processes, MB | {' | '.join(f'**{size:.0f}**' for size in memory)} |")
    return "\n".join(lines)


def limits_table(results: Results) -> str:
    """The limits of the instruments, and their ratios to the best measured figures."""
    lines = ["| instrument alone | rate | best measured | ratio |", "|---|---|---|---|"]
    for title, limit, figure in _LIMITS:
        alone = results.limit(limit)
        best = max((spread.median for name in results.systems if (spread := results.spread(name, figure))), default=0)
        if alone and best:
            lines.append(f"| {title} | {cell(alone)} | {shown(best)} | {shown(alone.median / best)}× |")
    return "\n".join(lines)


def page(results: Results) -> str:
    """The report of a run."""
    repeats = max((len(figures) for figures in results.systems.values()), default=0)
    where = " · ".join(f"{name} {value}" for name, value in results.conditions.items())
    return (
        "\n\n".join(
            [
                "# Results",
                f"Medians of {repeats} interleaved repeats, in brackets the lowest and the highest. {where}",
                "## Goals",
                goals_table(results),
                "## Systems",
                systems_table(results),
                "## Instruments",
                limits_table(results),
            ]
        )
        + "\n"
    )
