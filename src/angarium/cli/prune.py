"""`angarium prune`: delete or redact finished notifications by age, directly in the database."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from angarium.cli.output import Output
from angarium.cli.settings import PruneSettings
from angarium.contracts.durations import parse_duration
from angarium.contracts.errors import SettingsError
from angarium.notifications.settings import SHORTEST_RETENTION

if TYPE_CHECKING:
    from angarium.notifications.store.retention import Retention, Task

_COLUMNS = {"status": "status", "age": "age", "notifications": "count"}
_AGES = ((30, "under 30 days"), (90, "30 to 90 days"), (365, "90 days to 1 year"))
_OLDEST = "over 1 year"
_SETTING = "ANGARIUM_NOTIFICATIONS_DATABASE_URL"


def prune(
    *,
    older_than: str | None = None,
    redact: bool = False,
    dry_run: bool = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Delete finished notifications and their related rows, or remove their personal data.

    Connects to the notification database directly and works in small transactions. It can be stopped at any time and
    run again. Unfinished notifications are never changed.

    Args:
        older_than: Minimum time since they ended, such as 90d. Default: ANGARIUM_RETENTION, or ANGARIUM_REDACT_AFTER.
        redact: Keep the notifications; remove recipients, variables, metadata and the answers of providers.
        dry_run: Only print how many would be changed.
        as_json: Print JSON.
    """
    from angarium.notifications.store.retention import Task

    settings = PruneSettings.load()
    period = _period(older_than, settings.redact_after if redact else settings.retention, redact=redact)
    report = _Report(Task.REDACT if redact else Task.PRUNE, datetime.now(UTC) - period, dry_run=dry_run)
    output = Output(as_json=as_json)
    asyncio.run(_work(settings, report, None if as_json else output))
    if as_json or not dry_run:
        output.thing(report.as_json(), report.summary())
    if report.interrupted:
        sys.exit(1)


@dataclass(slots=True)
class _Report:
    task: "Task"
    before: datetime
    dry_run: bool
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    found_letters: int = 0
    notifications: int = 0
    dead_letters: int = 0
    interrupted: bool = False

    def rows(self) -> list[Mapping[str, Any]]:
        return [{"status": s, "age": age, "count": number} for (s, age), number in sorted(self.found.items())]

    def as_json(self) -> Mapping[str, Any]:
        return {
            "task": str(self.task),
            "before": self.before.isoformat().replace("+00:00", "Z"),
            "dry_run": self.dry_run,
            "candidates": self.rows(),
            "unmatched_dead_letters": self.found_letters,
            "notifications": self.notifications,
            "dead_letters": self.dead_letters,
            "interrupted": self.interrupted,
        }

    def summary(self) -> str:
        done = "Redacted" if self.task == "redact" else "Deleted"
        text = f"{done} {self.notifications} notifications; deleted {self.dead_letters} dead letters."
        return f"{text} Interrupted: run the command again to continue." if self.interrupted else text


def _period(given: str | None, configured: timedelta | None, *, redact: bool) -> timedelta:
    if given is None:
        if configured is None:
            name = "ANGARIUM_REDACT_AFTER" if redact else "ANGARIUM_RETENTION"
            raise SettingsError(f"--older-than: is required because {name} is off")
        return configured
    try:
        period = parse_duration(given)
    except ValueError as error:
        raise SettingsError(f"--older-than: {error}") from None
    if not redact and period < SHORTEST_RETENTION:
        raise SettingsError("--older-than: must be at least 24h, because idempotency keys are valid for 24h")
    return period


async def _work(settings: PruneSettings, report: _Report, output: Output | None) -> None:
    """Count, then delete or redact. Cancellation stops it and sets `report.interrupted`."""
    from angarium.notifications.store.retention import Retention
    from angarium.platform.clock import SystemClock
    from angarium.platform.database.engine import open_engine
    from angarium.platform.database.migrate import database_of

    engine = open_engine(settings.notifications_database_url, pool_size=2, setting=_SETTING)
    try:
        with database_of(_SETTING), _progress() as progress:
            retention = Retention(engine, SystemClock())
            await _count(retention, report, progress)
            if output is not None:
                output.table(report.rows(), _COLUMNS, empty="No notifications.")
            if not report.dry_run:
                await _change(retention, report, progress)
    except asyncio.CancelledError:
        report.interrupted = True
    finally:
        await engine.dispose()


async def _count(retention: "Retention", report: _Report, progress: Progress) -> None:
    bar = progress.add_task("Counting", total=None)
    now = datetime.now(UTC)
    async for found in retention.candidates(report.task, report.before):
        for (status, day), number in found.notifications.items():
            report.found[str(status), _age(now - day)] += number
        report.found_letters += found.dead_letters
        progress.update(bar, completed=report.found.total())
    progress.remove_task(bar)


async def _change(retention: "Retention", report: _Report, progress: Progress) -> None:
    bar: TaskID = progress.add_task("Redacting" if report.task == "redact" else "Deleting", total=report.found.total())
    async for step in retention.run(report.task, report.before):
        report.notifications += step.notifications
        report.dead_letters += step.dead_letters
        progress.update(bar, completed=report.notifications)


def _age(age: timedelta) -> str:
    return next((words for days, words in _AGES if age < timedelta(days=days)), _OLDEST)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
