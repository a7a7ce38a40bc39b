"""The shipped SQLite store, in memory and without its thread, and the connection of a process to it."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar, cast
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.notifications.model import (
    NO_WAITS,
    Acceptance,
    LeaseOf,
    NewDeadLetter,
    NewNotification,
    OutboxKey,
    OutboxMessage,
    Patience,
    Renewed,
    Result,
    SweepReport,
    Verdict,
)
from angarium.notifications.store.port import NotificationStore, RowsLocked, StoreUnavailable
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.store.sqlite.store import SqliteStore
from angarium.platform.clock import Clock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from angarium.platform.database.sqlite_writer import SqliteWriter
from tests.simulation.judge import Judge
from tests.simulation.network import Link

ResultT = TypeVar("ResultT")

_SEEN = """
CREATE TEMP TRIGGER seen AFTER UPDATE OF status ON main.notifications WHEN old.status <> new.status
BEGIN SELECT moved(new.id, old.status, new.status); END
"""
_QUEUED = """
CREATE TEMP TRIGGER queued AFTER INSERT ON main.outbox WHEN new.kind = 'work'
BEGIN SELECT queued(new.subject); END
"""
_TABLES = ("notifications", "outbox", "dead_letters", "held_reports", "notification_metadata", "callbacks")
_ROWS = "SELECT id, status, attempts, reason_code FROM notifications"


@cache
def _schema() -> bytes:
    """The file contents of a migrated SQLite database."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "notifications.db"
        asyncio.run(_migrate(path))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = DELETE")  # a database in memory has no write-ahead log
        connection.close()
        return path.read_bytes()


async def _migrate(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path}")
    await upgrade(engine, MIGRATIONS)
    await engine.dispose()


class Database:
    """The database server of all processes. It has its own clock, which decides on leases and due times."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        self._connection.row_factory = sqlite3.Row
        self._connection.deserialize(_schema())
        self._judge: Judge | None = None
        self._connection.create_function("moved", 3, self._moved)
        self._connection.create_function("queued", 1, self._queued)
        self._connection.execute(_SEEN)
        self._connection.execute(_QUEUED)

    def begin(self, judge: Judge, clock: Clock) -> NotificationStore:
        """Empty the database for another run."""
        self._judge = judge
        for table in _TABLES:
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names above
        return SqliteStore(cast("SqliteWriter", _Writer(self._connection)), clock)

    def rows(self) -> Mapping[UUID, tuple[Status, int, str | None]]:
        """Status, attempts and reason of every notification."""
        return {
            UUID(hex=row["id"]): (Status(row["status"]), row["attempts"], row["reason_code"])
            for row in self._connection.execute(_ROWS)
        }

    def lettered(self) -> set[UUID]:
        """The notifications that have a dead letter."""
        found = self._connection.execute("SELECT notification_id FROM dead_letters WHERE notification_id IS NOT NULL")
        return {UUID(hex=row["notification_id"]) for row in found}

    def outbox(self) -> int:
        """The number of messages that wait for their confirm."""
        [row] = self._connection.execute("SELECT count(*) AS waiting FROM outbox")
        return int(row["waiting"])

    def _moved(self, identifier: str, old: str, new: str) -> int:
        if self._judge is not None:
            self._judge.moved(UUID(hex=identifier), Status(old), Status(new))
        return 0

    def _queued(self, identifier: str) -> int:
        if self._judge is not None:
            self._judge.queued(UUID(hex=identifier))
        return 0


class _Writer:
    """As SqliteWriter, but runs each transaction in the caller."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result

    async def close(self) -> None:
        return None


class StoreLink:
    """The connection of one process to the store. Calls are delayed and may fail, and answers may be lost."""

    def __init__(self, store: NotificationStore, link: Link, judge: Judge) -> None:
        self._store = store
        self._link = link
        self._judge = judge

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        return await self._call(
            lambda: self._store.accept(notifications, outbox_lease=outbox_lease),
            lambda acceptances: self._judge.made(notifications, acceptances),
        )

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        return await self._call(
            lambda: self._store.claim(ids, token=token, lease=lease, worker=worker),
            lambda verdicts: self._judge.claimed(self._link.process, verdicts, lease),
            locks=True,
        )

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        return await self._call(
            lambda: self._store.renew(leases, lease=lease), lambda renewed: self._judge.renewed(renewed, lease)
        )

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        return await self._call(
            lambda: self._store.record(results), lambda written: self._judge.recorded(results, written), locks=True
        )

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        return await self._call(lambda: self._store.find_by_request(tenant, request_id))

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        await self._call(lambda: self._store.bury(letters, outbox), lambda _: self._judge.buried(letters))

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        return await self._call(lambda: self._store.lease_outbox(limit, lease=lease, back=back))

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        await self._call(lambda: self._store.confirm_outbox(keys), lambda _: self._judge.forgotten(keys))

    async def outbox_pending(self) -> int:
        return await self._call(self._store.outbox_pending)

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        async def swept() -> SweepReport:
            with self._judge.sweeping():
                return await self._store.sweep(limit, back=back, patience=patience)

        return await self._call(swept)

    async def _call(
        self,
        call: Callable[[], Awaitable[ResultT]],
        seen: Callable[[ResultT], None] = lambda _: None,
        *,
        locks: bool = False,
    ) -> ResultT:
        link = self._link
        await link.travel()
        if not link.database_answers():
            raise StoreUnavailable
        if locks and link.finds_locks():
            raise RowsLocked
        result = await call()
        seen(result)
        await link.travel()
        if not link.database_answers():  # it is committed, but the caller gets no answer
            raise StoreUnavailable
        return result
