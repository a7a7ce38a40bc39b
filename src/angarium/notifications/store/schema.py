"""The tables of the record in `notification_db`; the gateway declares its own tables in the same database.

Every UPDATE of a notification changes its status, which is indexed, so it is never a HOT update in PostgreSQL: each
index is written three times in a row's life. So there are only the indexes that lists and the sweeper need, and pages
have no reserved free space.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    false,
    text,
    true,
)
from sqlalchemy.types import TypeEngine

from angarium.contracts.statuses import Status
from angarium.notifications.store import record
from angarium.notifications.store.record import RECORD, Kind
from angarium.notifications.store.triggers import callbacks as callback_trigger
from angarium.notifications.store.triggers import events as event_trigger
from angarium.notifications.store.triggers import fallback as fallback_trigger
from angarium.notifications.store.triggers import metadata as metadata_trigger
from angarium.platform.database.types import KEY, WORD, JsonDocument, UtcDateTime, new_metadata

MIGRATIONS = "angarium.notifications.migrations"

metadata = new_metadata()

_VERBATIM = JSON(none_as_null=True)
"""JSON stored verbatim: JSONB would sort an object's members, which a template may loop over."""
_KEY, _WORD = KEY, WORD
_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.ID: Uuid(),
    Kind.KEY: _KEY,
    Kind.WORD: _WORD,
    Kind.TEXT: Text(),
    Kind.INTEGER: Integer(),
    Kind.SMALL_INTEGER: SmallInteger(),
    Kind.BOOLEAN: Boolean(),
    Kind.BYTES: LargeBinary(),
    Kind.MOMENT: UtcDateTime(),
    Kind.VERBATIM: _VERBATIM,
    Kind.DOCUMENT: JsonDocument(),
}
"""All kinds except durations, which no column has."""


def _column(described: record.Column) -> Column[Any]:
    defaults = {None: None, False: false(), True: true()}
    kind, default = _TYPES[described.kind], defaults[described.server_default]
    return Column(described.name, kind, nullable=described.nullable, server_default=default)


_STATUSES = ", ".join(f"'{status}'" for status in Status)

notifications = Table(
    "notifications",
    metadata,
    *map(_column, RECORD),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("request_id", "tenant", "caller"),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    postgresql_with={
        # Each notification leaves dead entries where the sweeper begins to read. A fifth of a large table, the default,
        # would be millions of them.
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 50_000,
    },
)
Index(None, notifications.c.tenant, notifications.c.created_at, notifications.c.id)
Index(None, notifications.c.tenant, notifications.c.status, notifications.c.created_at, notifications.c.id)
_OF_A_USER = text("user_id IS NOT NULL")
Index(
    None,
    notifications.c.tenant,
    notifications.c.user_id,
    notifications.c.created_at,
    notifications.c.id,
    postgresql_where=_OF_A_USER,
    sqlite_where=_OF_A_USER,
)
_UNFINISHED = text("sweep_at IS NOT NULL")
Index(None, notifications.c.sweep_at, postgresql_where=_UNFINISHED, sqlite_where=_UNFINISHED)
# For receipts. A Message-ID of ours (SMTP), which begins with an angle bracket, has none and costs no entry.
_OF_A_PROVIDER = text("substr(provider_message_id, 1, 1) <> '<'")
Index(
    None,
    notifications.c.provider_message_id,
    postgresql_where=_OF_A_PROVIDER,
    sqlite_where=_OF_A_PROVIDER,
    mysql_length=64,
    mariadb_length=64,
)

attachments = Table(
    "attachments",
    metadata,
    Column("notification_id", Uuid(), nullable=False),
    Column("position", SmallInteger(), nullable=False),
    Column("content", LargeBinary(16_777_215), nullable=False),  # 10 MB at most; MySQL chooses its type by the length
    PrimaryKeyConstraint("notification_id", "position"),
)
"""Contents of attachments. Read before sending a notification whose `options` list any."""

_QUEUE_STORAGE = {
    # Rows live for milliseconds and the oldest are read first: what is dead must go long before a fifth of it is.
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_vacuum_cost_delay": 0,
}

outbox = Table(
    "outbox",
    metadata,
    Column("subject", Uuid(), nullable=False),
    Column("kind", _WORD, nullable=False),
    # The message; null for work, which is rebuilt from the notification.
    Column("exchange", Text()),
    Column("routing_key", Text()),
    Column("body", LargeBinary()),
    Column("correlation_id", Text()),
    Column("available_at", UtcDateTime(), nullable=False),  # the end of its lease
    PrimaryKeyConstraint("subject", "kind"),
    postgresql_with=_QUEUE_STORAGE,
)
Index(None, outbox.c.available_at)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid(), nullable=False),
    Column("tenant", _KEY, nullable=False),
    Column("notification_id", Uuid()),
    Column("channel", _WORD, nullable=False),
    Column("template_code", _KEY),
    Column("request_id", _KEY),
    Column("reason_code", Text(), nullable=False),
    Column("reason_message", Text(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("correlation_id", Text()),
    Column("payload", Text()),
    Column("failed_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("id"),
)
Index(None, dead_letters.c.tenant, dead_letters.c.failed_at, dead_letters.c.id)
_OF_A_NOTIFICATION = text("notification_id IS NOT NULL")
Index(
    None,
    dead_letters.c.notification_id,
    postgresql_where=_OF_A_NOTIFICATION,
    sqlite_where=_OF_A_NOTIFICATION,
)
_FOREIGN = text("notification_id IS NULL")
Index("ix_dead_letters_foreign", dead_letters.c.id, postgresql_where=_FOREIGN, sqlite_where=_FOREIGN)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Uuid(), nullable=False),
    Column("tenant", _KEY, nullable=False),
    Column("notification_id", Uuid(), nullable=False),
    Column("url", Text(), nullable=False),
    Column("origin", Text(), nullable=False),  # the URL's scheme and authority: what is one host
    Column("status", _WORD, nullable=False),  # the one that is reported
    Column("reason_code", Text()),
    Column("reason_message", Text()),
    Column("occurred_at", UtcDateTime(), nullable=False),
    Column("state", _WORD, nullable=False),
    Column("tries", Integer(), nullable=False),  # since its beginning, or its last replay
    Column("next_at", UtcDateTime()),  # when it is due, or its lease ends; null once it has ended
    Column("attempts", JsonDocument(), nullable=False),
    PrimaryKeyConstraint("id"),
)
_DUE_SOME_TIME = text("next_at IS NOT NULL")
Index(None, callbacks.c.next_at, postgresql_where=_DUE_SOME_TIME, sqlite_where=_DUE_SOME_TIME)
Index(
    None,
    callbacks.c.origin,
    callbacks.c.next_at,
    postgresql_where=_DUE_SOME_TIME,
    sqlite_where=_DUE_SOME_TIME,
    mysql_length={"origin": 255},
)
Index(None, callbacks.c.notification_id)
Index(None, callbacks.c.tenant, callbacks.c.occurred_at, callbacks.c.id)

notification_metadata = Table(
    "notification_metadata",
    metadata,
    Column("tenant", _KEY, nullable=False),
    Column("name", _KEY, nullable=False),
    Column("value", _KEY, nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("id", Uuid(), nullable=False),  # the notification's
    PrimaryKeyConstraint("tenant", "name", "value", "created_at", "id"),
)
"""Metadata in the order of searches; maintained by a trigger."""

held_reports = Table(
    "held_reports",
    metadata,
    Column("notification_id", Uuid(), nullable=False),
    Column("status", _WORD, nullable=False),
    Column("tenant", _KEY, nullable=False),
    Column("reported_by", Text(), nullable=False),
    Column("reported_at", UtcDateTime(), nullable=False),
    Column("error", Text()),
    PrimaryKeyConstraint("notification_id", "status"),
)
"""Delivery reports that arrived before their send was recorded."""

receipts = Table(
    "receipts",
    metadata,
    Column("id", _KEY, nullable=False),  # `Receipt.key`
    Column("provider", _KEY, nullable=False),
    Column("kind", _WORD, nullable=False),
    Column("occurred_at", UtcDateTime(), nullable=False),
    Column("notification_id", Uuid()),
    Column("provider_message_id", _KEY),
    Column("address", Text()),  # null once the receipt is applied
    Column("reason", Text(), nullable=False),
    Column("noted", Boolean(), nullable=False),  # what follows for the address was done
    Column("received_at", UtcDateTime(), nullable=False),
    Column("due_at", UtcDateTime()),  # when it is looked at next, or its lease ends; null once it is applied
    PrimaryKeyConstraint("id"),
)
"""One row per event and per SMS reply. Applied rows are kept for a while to recognise repetitions."""

_UNAPPLIED = text("due_at IS NOT NULL")
Index(None, receipts.c.due_at, postgresql_where=_UNAPPLIED, sqlite_where=_UNAPPLIED)
Index(None, receipts.c.received_at)
Index(None, receipts.c.notification_id)

erasures = Table(
    "erasures",
    metadata,
    Column("tenant", _KEY, nullable=False),
    Column("user_id", Uuid(), nullable=False),
    Column("begun_at", UtcDateTime(), nullable=False),
    Column("stage", SmallInteger(), nullable=False),
    Column("reached_at", UtcDateTime()),
    Column("reached", Uuid(), nullable=False),
    Column("under_way", Integer(), nullable=False),  # sends and callbacks that were, when their turn came
    Column("leased_until", UtcDateTime()),
    Column("finished_at", UtcDateTime()),
    PrimaryKeyConstraint("tenant", "user_id"),
)
"""Passes over erased users' notifications, until the users service has received their end."""

contact_versions = Table(
    "contact_versions",
    metadata,
    Column("user_id", Uuid(), nullable=False),
    Column("tenant", _KEY, nullable=False),
    Column("version", Integer(), nullable=False),
    PrimaryKeyConstraint("user_id"),
)
"""The version that each changed user has reached. Cached copies of older versions are not used."""

for _trigger in (callback_trigger, metadata_trigger, fallback_trigger, event_trigger):
    for _dialect, _statements in _trigger.TRIGGERS.items():
        for _statement in _statements:
            _made: DDL = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy's
            event.listen(metadata, "after_create", _made.execute_if(dialect=_dialect))
