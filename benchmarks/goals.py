"""The performance goals. Each is a ratio of two medians of one run, with a floor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.results_file import Results
from benchmarks.statistics import shown


@dataclass(frozen=True, slots=True)
class Goal:
    """A value must reach `floor` and should reach `goal`; with `lower` it must not exceed them. `floor` is optional."""

    title: str
    floor: float | None
    goal: float
    ratio: Callable[[Results], float | None]
    lower: bool = False
    unit: str = "×"

    def verdict(self, value: float | None) -> str:
        """Whether the value reaches goal or floor."""
        if value is None:
            return "not measured"
        if self._reaches(value, self.goal):
            return "goal reached"
        if self.floor is None:
            return "goal missed"
        return "floor held" if self._reaches(value, self.floor) else "below the floor"

    def _reaches(self, value: float, mark: float) -> bool:
        return value <= mark if self.lower else value >= mark


def _ratio(figure: str, system: str, other: str, other_figure: str | None = None) -> Callable[[Results], float | None]:
    def of(results: Results) -> float | None:
        ours, theirs = results.spread(system, figure), results.spread(other, other_figure or figure)
        return ours.median / theirs.median if ours and theirs and theirs.median else None

    return of


def _median(figure: str, system: str) -> Callable[[Results], float | None]:
    def of(results: Results) -> float | None:
        spread = results.spread(system, figure)
        return spread.median if spread else None

    return of


_CPU = "cpu_seconds_per_1000"
_LATENCY = ("latency_p50_ms", "latency_p99_ms")
GOALS: Sequence[Goal] = (
    Goal(
        "single accept, 64 clients, vs FastAPI + SQLAlchemy + aio-pika",
        8,
        15,
        _ratio("accept_64_rate", "angarium", "naive"),
    ),
    Goal(
        "bulk vs the same single posts",
        20,
        35,
        _ratio("bulk_rate", "angarium", "naive", "accept_64_rate"),
    ),
    Goal("worker vs the naive worker", 20, 35, _ratio("worker_rate", "angarium", "naive")),
    Goal("end to end vs FastAPI + Celery", 10, 20, _ratio("end_to_end_rate", "angarium", "celery")),
    Goal("CPU for 1,000 vs Celery, times less", 10, 20, _ratio(_CPU, "celery", "angarium")),
    *(
        Goal(
            f"latency accept → DATA at 50/s, {name[8:11]}, vs Celery",
            0.5,
            0.3,
            _ratio(name, "angarium", "celery"),
            lower=True,
        )
        for name in _LATENCY
    ),
    Goal("embedded end to end vs Celery", 20, 35, _ratio("end_to_end_rate", "embedded", "celery")),
    Goal("10,000 connections at once, one post each: share sent", 1, 1, _median("crowd_share", "angarium")),
    Goal("10,000 connections at once: p99", None, 3, _median("crowd_p99_s", "angarium"), lower=True, unit=" s"),
    Goal("two workers vs one", 1.6, 1.9, _ratio("workers_2_rate", "angarium", "angarium", "worker_rate")),
    Goal("resident memory, gateway", 150, 90, _median("memory_gateway_mb", "angarium"), lower=True, unit=" MB"),
    Goal("resident memory, worker", 150, 90, _median("memory_email_mb", "angarium"), lower=True, unit=" MB"),
    Goal("resident memory, embedded", 250, 150, _median("memory_angarium_mb", "embedded"), lower=True, unit=" MB"),
)


def goals_table(results: Results) -> str:
    """All goals as a Markdown table."""
    rows = ["| goal | floor | goal | measured | |", "|---|---|---|---|---|"]
    for goal in GOALS:
        value = goal.ratio(results)
        measured = f"{shown(value)}{goal.unit}" if value is not None else "–"
        floor = f"{goal.floor:g}{goal.unit}" if goal.floor is not None else "–"
        marks = f"{floor} | {goal.goal:g}{goal.unit}"
        rows.append(f"| {goal.title} | {marks} | {measured} | {goal.verdict(value)} |")
    return "\n".join(rows)
