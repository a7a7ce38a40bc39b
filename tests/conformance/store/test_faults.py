"""What a database does to us: it goes away, hangs, runs out of room or connections, refuses to write."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from angarium.contracts.statuses import Status
from angarium.notifications.model import AcceptOutcome
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.store.postgresql.store import PostgresqlStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.store.sqlite.store import SqliteStore
from angarium.platform.database.engine import open_engine
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.migrate import upgrade
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.sqlite_writer import SqliteWriter
from tests.conformance.store.backends import LEASE, OUTBOX_LEASE, TENANT, notification
from tests.support.clock import ManualClock
from tests.support.servers import PostgreSQL
from tests.support.wait import until

PATIENCE = 1.5


async def _migrate(url: str) -> str:
    engine = open_engine(url)
    try:
        await upgrade(engine, MIGRATIONS)
    finally:
        await engine.dispose()
    return url


@pytest.fixture
async def store(postgresql_url: str) -> AsyncIterator[PostgresqlStore]:
    """A store that loses its patience soon, on a server that is its own to maltreat."""
    store = PostgresqlStore(PostgresqlPool(await _migrate(postgresql_url), size=2, patience=PATIENCE))
    yield store
    await store.close()


async def _accept(store: PostgresqlStore | SqliteStore, count: int = 1) -> list[UUID]:
    answers = await store.accept([notification() for _ in range(count)], outbox_lease=OUTBOX_LEASE)
    assert {answer.outcome for answer in answers} == {AcceptOutcome.CREATED}
    return [answer.notification_id for answer in answers]


async def _serves_again(store: PostgresqlStore) -> None:
    async def accepts() -> bool:
        with contextlib.suppress(StoreUnavailable):
            return bool(await _accept(store))
        return False

    await until(accepts, 30)


@pytest.mark.distributed
@pytest.mark.fault(18)
async def test_killed_it_is_unavailable_and_back_it_has_every_row(
    store: PostgresqlStore, postgresql: PostgreSQL, postgresql_url: str
) -> None:
    accepted: list[UUID] = []

    async def load() -> None:
        while True:
            accepted.extend(await _accept(store, 20))

    loads = [asyncio.create_task(load()) for _ in range(3)]
    await until(lambda: len(accepted) > 200)
    await postgresql.kill()
    errors = await asyncio.gather(*loads, return_exceptions=True)
    assert {type(error) for error in errors} == {StoreUnavailable}
    assert await store.problem() is not None
    await postgresql.start()
    await _serves_again(store)
    assert await store.problem() is None
    engine = open_engine(postgresql_url)
    reader = NotificationReader(engine)
    lost = [identifier for identifier in accepted if await reader.get(TENANT, identifier) is None]
    await engine.dispose()
    assert lost == []


@pytest.mark.distributed
async def test_frozen_it_is_unavailable_in_time(store: PostgresqlStore, postgresql: PostgreSQL) -> None:
    await _accept(store)
    await postgresql.freeze()
    try:
        async with asyncio.timeout(4 * PATIENCE):
            with pytest.raises(StoreUnavailable):
                await _accept(store)
            assert await store.problem() is not None
    finally:
        await postgresql.thaw()
    await _serves_again(store)


@pytest.mark.distributed
@pytest.mark.fault(19)
async def test_cut_connections_are_replaced(store: PostgresqlStore, postgresql: PostgreSQL) -> None:
    await asyncio.gather(_accept(store), _accept(store))
    await postgresql.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'angarium'")
    await _serves_again(store)


@pytest.mark.distributed
async def test_a_lock_that_is_held_is_waited_for_within_bounds(store: PostgresqlStore, postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        # More callers than connections: some wait for the lock, the others for a connection.
        errors = await asyncio.gather(*(_accept(store) for _ in range(5)), return_exceptions=True)
    await engine.dispose()
    assert {type(error) for error in errors} == {StoreUnavailable}
    await _serves_again(store)


@pytest.mark.distributed
@pytest.mark.fault(21)
async def test_read_only_it_is_unavailable(store: PostgresqlStore, postgresql: PostgreSQL, postgresql_url: str) -> None:
    name = postgresql_url.rpartition("/")[2]
    await postgresql.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(StoreUnavailable, match="25006"):
        await _accept(store)
    assert await store.problem() == "the server is read-only"


@pytest.mark.distributed
async def test_sessions_that_began_read_only_are_left_once_the_server_writes_again(
    store: PostgresqlStore, postgresql: PostgreSQL, postgresql_url: str
) -> None:
    """As after a fail-over: the old connections stay open and read-only."""
    name = postgresql_url.rpartition("/")[2]
    await postgresql.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    refused = await asyncio.gather(*(_accept(store) for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in refused} == {StoreUnavailable}
    await postgresql.sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    await _accept(store)
    assert await store.problem() is None


@pytest.mark.distributed
async def test_callers_that_give_up_cost_no_connection(store: PostgresqlStore) -> None:
    for _ in range(10):
        tasks = [asyncio.create_task(_accept(store)) for _ in range(4)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(_accept(store) for _ in range(4)))


@pytest.mark.distributed
async def test_a_refused_connection_is_unavailable() -> None:
    store = PostgresqlStore(PostgresqlPool("postgresql://nobody@127.0.0.1:1/nothing", size=1, patience=PATIENCE))
    with pytest.raises(StoreUnavailable):
        await store.outbox_pending()
    assert await store.problem() is not None
    await store.close()


async def test_a_full_disk_is_unavailable_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    await _migrate(f"sqlite:///{path}")
    writer = SqliteWriter(path)
    store = SqliteStore(writer, ManualClock())
    [before] = await _accept(store)
    assert await store.problem() is None
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(StoreUnavailable):
        await _accept(store, 2000)
    assert await store.outbox_pending() == 1
    await _accept(store, 2000)  # its limit went with the connection
    assert len(await store.claim([before], token=before, lease=LEASE, worker="w")) == 1
    await store.close()


async def test_what_sqlite_committed_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    await _migrate(f"sqlite:///{path}")
    script = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from angarium.notifications.store.sqlite.store import SqliteStore
        from angarium.platform.database.sqlite_writer import SqliteWriter
        from tests.conformance.store.backends import OUTBOX_LEASE, notification
        from tests.support.clock import ManualClock

        async def main():
            store = SqliteStore(SqliteWriter(Path({str(path)!r})), ManualClock())
            while True:
                answers = await store.accept([notification() for _ in range(50)], outbox_lease=OUTBOX_LEASE)
                print(*[answer.notification_id for answer in answers], flush=True)

        asyncio.run(main())
        """
    )
    root = Path(__file__).parents[3]
    worker = subprocess.Popen(  # noqa: S603, ASYNC220 - ours; it starts at once
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((".", "src"))},
    )
    assert worker.stdout is not None
    with worker:
        lines = [await asyncio.to_thread(worker.stdout.readline) for _ in range(5)]
        worker.send_signal(signal.SIGKILL)
        lines += worker.stdout.readlines()
    told = [UUID(word) for line in lines if line.endswith("\n") for word in line.split()]
    assert len(told) >= 250
    engine = open_engine(f"sqlite:///{path}")
    reader = NotificationReader(engine)
    statuses = {view and view.status for view in [await reader.get(TENANT, identifier) for identifier in told]}
    await engine.dispose()
    assert statuses == {Status.PENDING}


async def test_a_transaction_whose_caller_gave_up_is_finished(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "n.db")
    await writer.run(lambda connection: connection.execute("CREATE TABLE t (n)").rowcount)
    began, may_end = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        began.set()
        may_end.wait(10)
        connection.execute("INSERT INTO t VALUES (1)")

    task = asyncio.create_task(writer.run(work))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()
    [row] = await writer.run(lambda connection: connection.execute("SELECT count(*) FROM t").fetchall())
    assert row[0] == 1
    await writer.close()
    with pytest.raises(DatabaseUnavailable):
        await writer.run(lambda connection: connection.total_changes)
