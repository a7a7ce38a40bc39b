"""Connections to SQLite: their PRAGMAs, and how their transactions begin."""

import asyncio
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from angarium.platform.database.limits import LOCK_TIMEOUT
from angarium.platform.database.sqlite_turns import Turns

BEGIN_OPTION = "angarium_sqlite_begin"
"""The connection option with the statement that begins a transaction; empty: none."""
LOG_LIMIT = 64 * 1024 * 1024
"""Size in bytes to which SQLite's write-ahead log is truncated after a checkpoint."""
EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"
"""Runs outside of a transaction."""


def sqlite_pragmas() -> tuple[str, ...]:
    """PRAGMAs of every SQLite connection: durable commits, readers beside the writer, a lock timeout."""
    return (
        f"PRAGMA busy_timeout = {int(LOCK_TIMEOUT * 1000)}",  # first, since the next one may wait for a lock
        "PRAGMA journal_mode = WAL",
        f"PRAGMA journal_size_limit = {LOG_LIMIT}",  # otherwise the log keeps its largest size
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",  # deleted data is overwritten
    )


async def connect_sqlite(path: str, *_args: object, **_options: object) -> aiosqlite.Connection:
    """Open a connection to the file at `path`. Cancelling leaves no connection open.

    aiosqlite loses the connection that its thread opens while its caller is cancelled, so the thread finishes first.
    """
    connection = aiosqlite.connect(path)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: an engine left open must not stop the exit
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await opening
        await connection.close()
        raise


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Listener for "connect" of an engine."""
    # Python's own BEGIN comes too late for DDL and for reads; ours is issued by begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in sqlite_pragmas():
        cursor.execute(pragma)
    cursor.close()


def begin_sqlite(turns: Turns, connection: Connection) -> None:
    """Listener for "begin" of an engine, with the turns of its file."""
    # A transaction that reads first and writes later fails at once if another wrote between (SQLITE_BUSY_SNAPSHOT);
    # with IMMEDIATE it waits instead.
    begin = connection.get_execution_options().get(BEGIN_OPTION, "BEGIN IMMEDIATE")
    if begin == "BEGIN IMMEDIATE":
        turns.begin(partial(connection.exec_driver_sql, begin), await_only)
    elif begin:
        connection.exec_driver_sql(begin)
