"""Readiness of a database: its schema is current and it accepts writes."""

import os
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import writing
from angarium.platform.database.faults import in_words
from angarium.platform.database.migrate import Revisions, read_versions

PROOF_POSTGRESQL = """
SELECT CASE
    WHEN pg_is_in_recovery() THEN 'the server is a standby'
    WHEN current_setting('transaction_read_only')::boolean THEN 'the server is read-only'
    WHEN pg_logical_emit_message(true, 'angarium.ready', '') IS NULL THEN 'the server takes no write'
END AS problem
"""
"""NULL if the server accepts writes. The message is a small write to the WAL and nothing else.

https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-REPLICATION
"""
PROOF_MYSQL = "UPDATE alembic_version SET version_num = version_num"
"""Changes nothing, and is refused by a read-only server."""
READ_ONLY_MYSQL = "SELECT @@global.read_only AS read_only"
"""Whether the server is configured as read-only, even if administrators may write."""
_SQLITE_ROOM = 1 << 20
"""Free bytes required next to an SQLite file: a small write may fit where a notification does not."""
SCHEMA_PROBLEM = "the schema is not that of this version; run `angarium migrate`"


class EngineReadiness:
    """The readiness check of a database behind an engine, with the migrations of one package."""

    def __init__(self, engine: AsyncEngine, migrations: str) -> None:
        self._engine = engine
        self._revisions = Revisions(migrations)

    async def problem(self) -> str | None:
        """Why the database is not ready, without confidential details; None if it is."""
        try:
            async with writing(self._engine) as connection:
                versions = await connection.run_sync(read_versions)
                refusal = await connection.run_sync(_write_problem)
            if refusal is not None:
                await self._engine.dispose()  # other connections may lead to the server that writes
        except Exception as error:  # noqa: BLE001 - whatever it is, the database does not serve
            return in_words(error)
        return schema_problem(self._revisions, versions) or refusal


def schema_problem(revisions: Revisions, versions: Collection[str]) -> str | None:
    """Why a database with these `versions` is not ready; None if it is."""
    return None if revisions.satisfied_by(versions) else SCHEMA_PROBLEM


def prove_sqlite_writes(connection: sqlite3.Connection) -> str | None:
    """Write to the file of `connection`, in its transaction. Returns why that failed, or None."""
    connection.execute("PRAGMA user_version = 1")
    return sqlite_room_problem(connection.execute("PRAGMA database_list").fetchone()[2])


def sqlite_room_problem(file: str) -> str | None:
    """Why the folder of an SQLite file has too little space; None if it has enough."""
    free = os.statvfs(Path(file).parent)
    return "the disk is full" if free.f_bavail * free.f_frsize < _SQLITE_ROOM else None


def _write_problem(connection: Connection) -> str | None:
    found: Any
    match connection.dialect.name:
        case "postgresql":
            found = connection.scalar(text(PROOF_POSTGRESQL))
        case "sqlite":
            connection.exec_driver_sql("PRAGMA user_version = 1")
            found = sqlite_room_problem(str(connection.engine.url.database))
        case _:
            if connection.scalar(text(READ_ONLY_MYSQL)):
                return "the server is read-only"
            connection.execute(text(PROOF_MYSQL))
            found = None
    return None if found is None else str(found)
