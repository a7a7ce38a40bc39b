"""`angarium prune`, over a SQLite file."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from angarium.cli import prune as command
from angarium.contracts.errors import SettingsError
from angarium.notifications.store.open import open_store
from angarium.notifications.store.retention import Retention
from angarium.notifications.store.schema import MIGRATIONS, notifications
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine, reading, writing
from tests.conformance.store.backends import OUTBOX_LEASE, notification
from tests.support.migrated import upgraded

AGES = (1, 40, 100, 400, 400)
"""In days."""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with a sent notification of each age, and a pending one."""
    url = f"sqlite:///{tmp_path}/notifications.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANGARIUM_NOTIFICATIONS_DATABASE_URL", url)
    asyncio.run(_fill(url))
    return url


async def _fill(url: str) -> None:
    async with AsyncExitStack() as stack:
        engine = open_engine(url)
        stack.push_async_callback(engine.dispose)
        await upgraded(engine, MIGRATIONS)
        store = open_store(url, pool_size=1, clock=SystemClock())
        stack.push_async_callback(store.close)
        new = [notification() for _ in range(len(AGES) + 1)]
        await store.accept(new, outbox_lease=OUTBOX_LEASE)
        async with writing(engine) as connection:
            for one, days in zip(new, AGES, strict=False):
                at = datetime.now(UTC) - timedelta(days=days)
                change = update(notifications).where(notifications.c.id == one.id)
                await connection.execute(change.values(status="sent", sweep_at=None, created_at=at, updated_at=at))


def _count(url: str, *where: Any) -> int:
    async def count() -> int:
        engine = open_engine(url)
        async with reading(engine) as connection:
            found = await connection.scalar(select(func.count()).select_from(notifications).where(*where))
        await engine.dispose()
        return found or 0

    return asyncio.run(count())


def _report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_a_dry_run_counts_by_status_and_age_and_changes_nothing(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command.prune(older_than="30d", dry_run=True, as_json=True)
    report = _report(capsys)
    assert report["candidates"] == [
        {"status": "sent", "age": "30 to 90 days", "count": 1},
        {"status": "sent", "age": "90 days to 1 year", "count": 1},
        {"status": "sent", "age": "over 1 year", "count": 2},
    ]
    assert (report["dry_run"], report["notifications"]) == (True, 0)
    assert _count(database) == len(AGES) + 1


def test_what_is_older_is_deleted(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    command.prune(older_than="90d", as_json=True)
    assert _report(capsys)["notifications"] == 3
    assert _count(database) == len(AGES) + 1 - 3


def test_redaction_keeps_the_rows(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    command.prune(older_than="30d", redact=True)
    assert "Redacted 4 notifications" in capsys.readouterr().out
    assert _count(database) == len(AGES) + 1
    assert _count(database, notifications.c.redacted_at.is_not(None)) == 4


def test_the_period_is_that_of_the_settings(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANGARIUM_RETENTION", "365d")
    command.prune()
    assert "Deleted 2 notifications" in capsys.readouterr().out
    assert _count(database) == len(AGES) + 1 - 2


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "ANGARIUM_RETENTION is off"),
        ({"redact": True}, "ANGARIUM_REDACT_AFTER is off"),
        ({"older_than": "23h"}, "at least 24h"),
        ({"older_than": "old"}, "must be a duration"),
    ],
)
def test_a_period_is_needed_that_keeps_idempotency_keys(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        command.prune(**options)


def test_an_interrupt_ends_it_after_whole_pieces_and_says_what_was_done(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = Retention._change

    async def interrupted(self: Retention, *arguments: Any) -> Any:
        if getattr(self, "again", False):
            raise asyncio.CancelledError
        self.again = True  # type: ignore[attr-defined]
        return await change(self, *arguments)

    def one_by_one(rows: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return [[row.id] for row in rows]

    monkeypatch.setattr(Retention, "_change", interrupted)
    monkeypatch.setattr("angarium.notifications.store.retention._pieces", one_by_one)
    with pytest.raises(SystemExit):
        command.prune(older_than="30d", as_json=True)
    report = _report(capsys)
    assert (report["interrupted"], report["notifications"]) == (True, 1)
    assert _count(database) == len(AGES)
