"""Keeps what the mailbox caught: one small SQLite file of its own, the newest messages only."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.contracts.statuses import Channel
from angarium.platform.batching import GroupCommit
from angarium.platform.clock import Clock
from angarium.platform.database.sqlite_connections import EMPTY_LOG
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.platform.folders import make_private
from angarium.platform.identifiers import Identifiers

FILE_NAME = "mailbox.sqlite3"
KEPT = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS messages (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        channel TEXT NOT NULL,
        recipient TEXT NOT NULL COLLATE NOCASE,
        sender TEXT NOT NULL,
        subject TEXT,
        title TEXT,
        text TEXT,
        html TEXT,
        headers TEXT NOT NULL,
        notification_id TEXT,
        received_at INTEGER NOT NULL,
        extras TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient, channel, tenant)",
)
_ADD_EXTRAS = "ALTER TABLE messages ADD COLUMN extras TEXT"
"""For a file that an earlier version made."""
_COLUMNS = (
    "id, tenant, channel, recipient, sender, subject, title, text, html, headers, notification_id, received_at, extras"
)
_INSERT = f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_TRIM = "DELETE FROM messages WHERE position <= (SELECT max(position) FROM messages) - ?"
_SELECT = f"SELECT {_COLUMNS} FROM messages"  # noqa: S608 - constants

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxFilter:
    """Which messages are meant; what is None does not narrow. `to` compares whole addresses, ignoring ASCII case."""

    tenant: str | None = None
    channel: Channel | None = None
    to: str | None = None
    id: UUID | None = None

    def condition(self) -> tuple[str, list[str]]:
        """The WHERE clause and its parameters."""
        named: Mapping[str, str | UUID | None] = {
            "tenant": self.tenant,
            "channel": self.channel,
            "recipient": self.to,
            "id": self.id,
        }
        given = {column: str(value) for column, value in named.items() if value is not None}
        clauses = " AND ".join(f"{column} = ?" for column in given)
        return (f" WHERE {clauses}" if clauses else ""), list(given.values())


class MailboxStore:
    """Every method raises DatabaseUnavailable when the file cannot serve."""

    def __init__(self, folder: Path, *, clock: Clock, identifiers: Identifiers, kept: int = KEPT) -> None:
        self._folder = folder
        self._writer = SqliteWriter(folder / FILE_NAME)
        self._clock = clock
        self._identifiers = identifiers
        self._kept = kept
        self._additions: GroupCommit[_Row, None] = GroupCommit(self._insert, flushers=1)

    async def open(self) -> None:
        """Make the file where there is none; to be called before anything else."""
        make_private(self._folder)
        await self._writer.run(_make)

    async def add(self, tenant: str, messages: Sequence[CaughtMessage]) -> None:
        """Keep `messages`, in order, and drop the oldest beyond what is kept."""
        received_at = (self._clock.now() - _EPOCH) // timedelta(microseconds=1)
        rows = [_row(self._identifiers.new(), tenant, message, received_at) for message in messages]
        await self._additions.submit_many(rows)

    async def find(self, which: MailboxFilter, *, limit: int, offset: int = 0) -> tuple[Sequence[MailboxMessage], int]:
        """Newest first, `limit` after the first `offset`; and how many there are in all."""
        where, parameters = which.condition()

        def read(connection: sqlite3.Connection) -> tuple[list[_Row], int]:
            (total,) = connection.execute(f"SELECT count(*) FROM messages{where}", parameters).fetchone()  # noqa: S608 - column names are constants
            query = f"{_SELECT}{where} ORDER BY position DESC LIMIT ? OFFSET ?"
            return connection.execute(query, (*parameters, limit, offset)).fetchall(), total

        rows, total = await self._writer.run(read)
        return [_message(row) for row in rows], total

    async def get(self, which: MailboxFilter) -> MailboxMessage | None:
        """The newest that fits; None: there is none."""
        messages, _ = await self.find(which, limit=1)
        return messages[0] if messages else None

    async def clear(self, which: MailboxFilter) -> int:
        """Remove all that fit; how many there were."""
        where, parameters = which.condition()
        query = f"DELETE FROM messages{where}"  # noqa: S608 - column names are constants
        return await self._writer.run(lambda connection: connection.execute(query, parameters).rowcount)

    async def forget(self, notification_ids: Sequence[UUID]) -> None:
        """Remove what was sent for these notifications, from the write-ahead log too."""
        wanted = [str(notification_id) for notification_id in notification_ids]
        marks = ", ".join("?" * len(wanted))
        query = f"DELETE FROM messages WHERE notification_id IN ({marks})"  # noqa: S608 - marks are constants
        removed = await self._writer.run(lambda connection: connection.execute(query, wanted).rowcount)
        if removed:
            await self._writer.query(lambda connection: connection.execute(EMPTY_LOG).fetchall())

    async def close(self) -> None:
        """Finish what is under way; idempotent."""
        await self._additions.drain()
        await self._writer.close()

    async def _insert(self, rows: Sequence[_Row]) -> Sequence[None]:
        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, rows)
            connection.execute(_TRIM, (self._kept,))

        await self._writer.run(write)
        return [None] * len(rows)


class _Extras(msgspec.Struct, omit_defaults=True):
    """What only some messages have."""

    attachments: list[dict[str, Any]] = msgspec.field(default_factory=list)
    push: dict[str, Any] | None = None


def _make(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    if "extras" not in {row["name"] for row in connection.execute("PRAGMA table_info(messages)")}:
        connection.execute(_ADD_EXTRAS)


def _row(id_: UUID, tenant: str, message: CaughtMessage, received_at: int) -> _Row:
    return (
        str(id_),
        tenant,
        str(message.channel),
        message.to,
        message.sender,
        message.subject,
        message.title,
        message.text,
        message.html,
        msgspec.json.encode(message.headers).decode(),
        str(message.notification_id) if message.notification_id else None,
        received_at,
        _extras(message),
    )


def _extras(message: CaughtMessage) -> str | None:
    if not message.attachments and message.push is None:
        return None
    attachments = [attachment.model_dump() for attachment in message.attachments]
    return msgspec.json.encode(_Extras(attachments, message.push)).decode()


def _message(row: _Row) -> MailboxMessage:
    id_, _, channel, to, sender, subject, title, text, html, headers, notification_id, received_at, text_of_extras = row
    extras = msgspec.json.decode(text_of_extras or "{}", type=_Extras)
    return MailboxMessage(
        id=UUID(id_),
        channel=Channel(channel),
        to=to,
        from_=sender,
        subject=subject,
        title=title,
        text=text,
        html=html,
        headers=msgspec.json.decode(headers, type=dict[str, str]),
        notification_id=UUID(notification_id) if notification_id else None,
        attachments=[AttachmentView(**attachment) for attachment in extras.attachments],
        push=extras.push,
        received_at=_EPOCH + timedelta(microseconds=received_at),
    )
