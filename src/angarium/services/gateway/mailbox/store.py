"""Stores the newest messages of the mailbox in a separate SQLite file."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.platform.batching import GroupCommit
from angarium.platform.clock import Clock
from angarium.platform.database.sqlite_connections import EMPTY_LOG
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.platform.folders import make_private
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.mailbox.rows import (
    INSERT,
    SELECT,
    MailboxFilter,
    Row,
    make_tables,
    message_of,
    prepare_search,
    row_of,
)

FILE_NAME = "mailbox.sqlite3"
KEPT = 10_000
"""The maximum number of messages."""
KEPT_BYTES = 256 * 1024 * 1024
"""The maximum total size of all sources."""
_INSERT_SOURCE = "INSERT INTO sources (raw) VALUES (?)"
_TRIM = "DELETE FROM messages WHERE position <= (SELECT max(position) FROM messages) - ?"
_TRIM_SOURCES = """DELETE FROM sources WHERE id <= (
    SELECT max(id) FROM (SELECT id, sum(length(raw)) OVER (ORDER BY id DESC) AS bytes FROM sources) WHERE bytes > ?
)"""
_SOURCE = "SELECT raw FROM sources WHERE id = (SELECT source FROM messages WHERE id = ?)"

_Addition = tuple[Sequence[Row], bytes | None]
"""The rows of one message, one per recipient, and the source of an email received by SMTP."""


class MailboxStore:
    """Every method raises DatabaseUnavailable if the file cannot be read or written."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        identifiers: Identifiers,
        kept: int = KEPT,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._folder = folder
        self._writer = SqliteWriter(folder / FILE_NAME)
        self._clock = clock
        self._identifiers = identifiers
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._additions: GroupCommit[_Addition, None] = GroupCommit(self._insert, flushers=1)

    async def open(self) -> None:
        """Create the file and missing tables. Call it before any other method."""
        make_private(self._folder)
        await self._writer.run(make_tables)

    async def add(self, tenant: str, messages: Sequence[CaughtMessage], *, source: bytes | None = None) -> None:
        """Store `messages`, in order, and delete the oldest beyond the limits. Durable when it returns.

        `source` is the email as received by SMTP; `messages` then has one message for each of its recipients.
        """
        received_at = self._clock.now()
        rows = [row_of(self._identifiers.new(), tenant, message, received_at) for message in messages]
        await self._additions.submit((rows, source))

    async def find(self, which: MailboxFilter, *, limit: int, offset: int = 0) -> tuple[Sequence[MailboxMessage], int]:
        """A page of the matching messages, newest first, and their total number."""
        where, parameters = which.condition()

        def read(connection: sqlite3.Connection) -> tuple[list[Row], int]:
            prepare_search(connection)
            (total,) = connection.execute(f"SELECT count(*) FROM messages{where}", parameters).fetchone()  # noqa: S608 - clauses are constants
            query = f"{SELECT}{where} ORDER BY position DESC LIMIT ? OFFSET ?"
            return connection.execute(query, (*parameters, limit, offset)).fetchall(), total

        rows, total = await self._writer.run(read)
        return [message_of(row) for row in rows], total

    async def get(self, which: MailboxFilter) -> MailboxMessage | None:
        """The newest matching message, None without one."""
        messages, _ = await self.find(which, limit=1)
        return messages[0] if messages else None

    async def source(self, message_id: UUID) -> bytes | None:
        """The source of an email received by SMTP. None if it was stored without one or the source was deleted."""
        found = await self._writer.run(lambda connection: connection.execute(_SOURCE, (str(message_id),)).fetchone())
        return found[0] if found else None

    async def clear(self, which: MailboxFilter) -> int:
        """Delete all matching messages and return their number."""
        where, parameters = which.condition()
        query = f"DELETE FROM messages{where}"  # noqa: S608 - clauses are constants

        def remove(connection: sqlite3.Connection) -> int:
            prepare_search(connection)
            return connection.execute(query, parameters).rowcount

        return await self._writer.run(remove)

    async def forget(self, notification_ids: Sequence[UUID]) -> None:
        """Delete the messages of these notifications, also from the write-ahead log."""
        wanted = [str(notification_id) for notification_id in notification_ids]
        marks = ", ".join("?" * len(wanted))
        query = f"DELETE FROM messages WHERE notification_id IN ({marks})"  # noqa: S608 - marks are constants
        removed = await self._writer.run(lambda connection: connection.execute(query, wanted).rowcount)
        if removed:
            await self._writer.query(lambda connection: connection.execute(EMPTY_LOG).fetchall())

    async def close(self) -> None:
        """Finish pending writes and close the file. Idempotent."""
        await self._additions.drain()
        await self._writer.close()

    async def _insert(self, additions: Sequence[_Addition]) -> Sequence[None]:
        def write(connection: sqlite3.Connection) -> None:
            plain = [(*row, None) for rows, source in additions if source is None for row in rows]
            connection.executemany(INSERT, plain)
            for rows, source in additions:
                if source is not None:
                    number = connection.execute(_INSERT_SOURCE, (source,)).lastrowid
                    connection.executemany(INSERT, [(*row, number) for row in rows])
            connection.execute(_TRIM, (self._kept,))
            if len(plain) < sum(len(rows) for rows, _ in additions):
                connection.execute(_TRIM_SOURCES, (self._kept_bytes,))

        await self._writer.run(write)
        return [None] * len(additions)
