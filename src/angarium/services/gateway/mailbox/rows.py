"""The mailbox's SQLite tables, the conversion between messages and rows, and the search filter."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.contracts.statuses import Channel
from angarium.rendering.sms import measure_sms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
        extras TEXT,
        source INTEGER
    )""",
    "CREATE TABLE IF NOT EXISTS sources (id INTEGER PRIMARY KEY AUTOINCREMENT, raw BLOB NOT NULL)",
)
_ADDED = ("extras TEXT", "source INTEGER")
"""Columns that files of earlier versions do not have."""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient, channel, tenant)",
    "CREATE INDEX IF NOT EXISTS messages_source ON messages (source) WHERE source IS NOT NULL",
    """CREATE TRIGGER IF NOT EXISTS messages_deleted AFTER DELETE ON messages
    WHEN OLD.source IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE source = OLD.source)
    BEGIN DELETE FROM sources WHERE id = OLD.source; END""",
)
"""The trigger deletes the source of an email together with the last message that refers to it."""
COLUMNS = (
    "id, tenant, channel, recipient, sender, subject, title, text, html, headers, notification_id, received_at, extras,"
    " source"
)
INSERT = f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
SELECT = f"SELECT {COLUMNS} FROM messages"  # noqa: S608 - constants
_MATCHES = "matches"
_SEARCHED = f"{_MATCHES}(?, subject, title, text, html)"

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxFilter:
    """A filter of messages. A field that is None matches every message.

    `to` is part of the address, ignoring ASCII case. `search` has words that must all occur in the subject, the title
    or the text, ignoring case; for messages without text, in the HTML.
    """

    tenant: str | None = None
    channel: Channel | None = None
    to: str | None = None
    search: str | None = None
    id: UUID | None = None

    def condition(self) -> tuple[str, list[str]]:
        """The WHERE clause and its parameters."""
        named: Mapping[str, str | UUID | None] = {
            "tenant = ?": self.tenant,
            "channel = ?": self.channel,
            "instr(lower(recipient), lower(?))": self.to or None,
            "id = ?": self.id,
            _SEARCHED: (self.search or "").strip() or None,
        }
        given = {clause: str(value) for clause, value in named.items() if value is not None}
        return (f" WHERE {' AND '.join(given)}" if given else ""), list(given.values())


class _Extras(msgspec.Struct, omit_defaults=True):
    """Optional fields of a message, stored as JSON in the column `extras`."""

    attachments: list[dict[str, Any]] = msgspec.field(default_factory=list)
    push: dict[str, Any] | None = None
    image: str | None = None
    link: str | None = None


def make_tables(connection: sqlite3.Connection) -> None:
    """Create missing tables, columns and indexes."""
    for statement in _SCHEMA:
        connection.execute(statement)
    existing = {row["name"] for row in connection.execute("PRAGMA table_info(messages)")}
    for column in _ADDED:
        if column.split()[0] not in existing:
            connection.execute(f"ALTER TABLE messages ADD COLUMN {column}")
    for statement in _INDEXES:
        connection.execute(statement)


def prepare_search(connection: sqlite3.Connection) -> None:
    """Register the SQL function that `MailboxFilter.search` uses on a connection."""
    connection.create_function(_MATCHES, 5, _matches, deterministic=True)


def _matches(search: str, subject: str | None, title: str | None, text: str | None, html: str | None) -> bool:
    body = html if text is None else text
    everything = "\n".join(part for part in (subject, title, body) if part).casefold()
    return all(word in everything for word in search.casefold().split())


def row_of(id_: UUID, tenant: str, message: CaughtMessage, received_at: datetime) -> Row:
    """The values of `COLUMNS`, except the last one, `source`."""
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
        (received_at - EPOCH) // timedelta(microseconds=1),
        _extras(message),
    )


def _extras(message: CaughtMessage) -> str | None:
    attachments = [attachment.model_dump() for attachment in message.attachments]
    extras = _Extras(attachments, message.push, message.image, message.link)
    return msgspec.json.encode(extras).decode() if extras != _Extras() else None


def message_of(row: Row) -> MailboxMessage:
    """The message in a row with the values of `COLUMNS`."""
    id_, _, channel, to, sender, subject, title, text, html, headers, notification_id, received_at, extras_text, _ = row
    extras = msgspec.json.decode(extras_text or "{}", type=_Extras)
    size = measure_sms(text or "") if channel == Channel.SMS else None
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
        image=extras.image,
        link=extras.link,
        segments=size.segments if size else None,
        encoding=size.encoding if size else None,
        received_at=EPOCH + timedelta(microseconds=received_at),
    )
