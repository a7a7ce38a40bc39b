"""The databases that the store is held to, with a way to let their time pass."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.notifications.model import (
    AcceptOutcome,
    Claimed,
    Event,
    NewDeadLetter,
    NewNotification,
    OutboxKey,
    OutboxKind,
    OutboxMessage,
    Reason,
    Result,
)
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.platform.database.engine import open_engine, writing
from tests.support.clock import ManualClock

LEASE = timedelta(seconds=20)
OUTBOX_LEASE = timedelta(seconds=10)
SECOND = timedelta(seconds=1)
TENANT = "acme"
_numbers = itertools.count(1)
_MOMENTS = {
    "notifications": ("send_at", "expires_at", "lease_until", "due_at", "sweep_at", "created_at", "updated_at"),
    "outbox": ("available_at",),
    "dead_letters": ("failed_at",),
    "notification_metadata": ("created_at",),
    "providers": ("changed_at", "opened_at", "probe_at", "seen_at", "sender_changed_at"),
    "provider_hours": ("hour",),
    "suppressions": ("created_at", "expires_at"),
    "soft_bounces": ("bounced_at",),
    "provider_reports": ("reported_at",),
    "receipts": ("occurred_at", "received_at", "due_at"),
}

_EMPTIED = (*_MOMENTS, "held_reports", "suppression_keys")


class Time(Protocol):
    """Lets a database's time pass."""

    async def __call__(self, duration: timedelta) -> None: ...


@dataclass
class Backend:
    """A store under test, and what looks behind it."""

    url: str
    engine: AsyncEngine
    clock: ManualClock
    pass_time: Time
    opened: list[NotificationStore] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = self.open()
        self.reader = NotificationReader(self.engine)

    def open(self) -> NotificationStore:
        """Another process's store over the same database (PostgreSQL); SQLite has one writer, so the same."""
        if self.opened and self.url.startswith("sqlite"):
            return self.store
        store = open_store(self.url, pool_size=4, clock=self.clock)
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()
        await self.engine.dispose()

    async def accept(self, *new: NewNotification) -> list[UUID]:
        """Accept all, which must be new, and confirm what went to the outbox."""
        answers = await self.store.accept(new, outbox_lease=OUTBOX_LEASE)
        assert [answer.outcome for answer in answers] == [AcceptOutcome.CREATED] * len(new)
        await self.store.confirm_outbox([OutboxKey(n.id, OutboxKind.WORK) for n in new])
        return [n.id for n in new]

    async def accepted(self, **changes: Any) -> UUID:
        [identifier] = await self.accept(notification(**changes))
        return identifier

    async def claim(self, *ids: UUID, lease: timedelta = LEASE) -> list[Claimed]:
        """Claim all, which must be claimable."""
        verdicts = await self.store.claim(ids, token=uuid4(), lease=lease, worker="w1")
        claims = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
        assert len(claims) == len(ids), verdicts
        return claims

    async def claimed(self, **changes: Any) -> Claimed:
        [claim] = await self.claim(await self.accepted(**changes))
        return claim

    async def ended(self, status: Status, **changes: Any) -> UUID:
        """A notification that a worker brought to `status`."""
        claim = await self.claimed(**changes)
        assert await self.store.record([result(claim, status)]) == [True]
        return claim.id

    async def failed(self, **changes: Any) -> tuple[UUID, UUID]:
        """A notification that failed, and its dead letter."""
        claim = await self.claimed(**changes)
        letter = letter_of(claim)
        assert await self.store.record([result(claim, Status.FAILED, dead_letter=letter)]) == [True]
        return claim.id, letter.id

    async def status(self, identifier: UUID) -> Status:
        view = await self.reader.get(TENANT, identifier)
        assert view is not None
        return view.status

    async def timeline(self, identifier: UUID) -> list[str]:
        """The names of the events, oldest first."""
        events = await self.reader.events(TENANT, identifier)
        assert events is not None
        return [event["event"] for event in events]

    async def queued(self) -> list[UUID]:
        """Whose work is in the outbox and not leased; leases it."""
        messages = await self.store.lease_outbox(10_000, lease=OUTBOX_LEASE)
        return [message.key.subject for message in messages if message.key.kind is OutboxKind.WORK]

    async def column(self, identifier: UUID, name: str) -> Any:
        """A column of the row, in the database's own form."""
        rows = await self.query(f"SELECT {name} AS value FROM notifications WHERE id = :id", id=identifier)  # noqa: S608 - ours
        return rows[0]["value"]

    async def query(self, statement: str, **values: object) -> Sequence[Any]:
        as_text = not self.url.startswith("postgresql")
        shown = {k: v.hex if isinstance(v, UUID) and as_text else v for k, v in values.items()}
        async with writing(self.engine) as connection:
            done = await connection.execute(text(statement), shown)
            return done.mappings().all() if done.returns_rows else []


def open_sqlite(path: Path) -> Backend:
    """The store over a migrated file, with a clock to move."""
    clock = ManualClock()

    async def pass_time(duration: timedelta) -> None:
        await clock.advance(duration.total_seconds())

    url = f"sqlite:///{path}"
    return Backend(url, open_engine(url), clock, pass_time)


async def open_postgresql(url: str) -> Backend:
    """The store over a migrated database, which is emptied."""
    engine = open_engine(url)
    async with writing(engine) as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(_EMPTIED)}"))

    async def pass_time(duration: timedelta) -> None:
        """Its clock cannot be moved: everything that happened or will moves back instead."""
        async with writing(engine) as connection:
            for table, columns in _MOMENTS.items():
                changes = ", ".join(f"{column} = {column} - CAST(:by AS interval)" for column in columns)
                await connection.execute(text(f"UPDATE {table} SET {changes}"), {"by": duration})  # noqa: S608 - ours

    return Backend(url, engine, ManualClock(), pass_time)


async def open_mariadb(url: str) -> Backend:
    """The store over a migrated database, which is emptied."""
    engine = open_engine(url)
    async with writing(engine) as connection:
        for table in _EMPTIED:
            await connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - ours; TRUNCATE takes ten times as long

    async def pass_time(duration: timedelta) -> None:
        """As on PostgreSQL."""
        async with writing(engine) as connection:
            for table, columns in _MOMENTS.items():
                changes = ", ".join(f"{column} = {column} - INTERVAL :by MICROSECOND" for column in columns)
                by = duration // timedelta(microseconds=1)
                await connection.execute(text(f"UPDATE {table} SET {changes}"), {"by": by})  # noqa: S608 - ours

    return Backend(url, engine, ManualClock(), pass_time)


def notification(**changes: Any) -> NewNotification:
    """A new notification of `acme`, each with its own request_id."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": uuid4(),
        "tenant": TENANT,
        "caller": "shop",
        "request_id": f"order-{number}",
        "fingerprint": b"f" * 32,
        "channel": Channel.EMAIL,
        "template_code": "welcome",
        "template_version": 3,
        "locale": "en",
        "priority": 5,
        "correlation_id": f"c-{number}",
        "user_id": "u-1",
        "variables": '{"name":"John"}',
    }
    return NewNotification(**(values | changes))


def result(claim: Claimed, status: Status, **changes: Any) -> Result:
    """What a worker records of `claim`."""
    values: dict[str, Any] = {
        "id": claim.id,
        "claim_token": claim.claim_token,
        "status": status,
        "events": (Event(str(status), claim.created_at, {"status": str(status)}),),
    }
    return Result(**(values | changes))


def letter_of(claim: Claimed) -> NewDeadLetter:
    return NewDeadLetter(
        id=uuid4(),
        tenant=claim.tenant,
        channel=claim.channel,
        reason=Reason("retries_exhausted", "421 try later"),
        attempts=claim.attempt,
        notification_id=claim.id,
        template_code=claim.template_code,
        request_id=claim.request_id,
        correlation_id=claim.correlation_id,
    )


def unleased(message: OutboxMessage) -> OutboxMessage:
    """A leased message as it was enqueued."""
    return msgspec.structs.replace(message, key=OutboxKey(message.key.subject, message.key.kind))


def failure_message(subject: UUID, body: bytes = b"{}") -> OutboxMessage:
    return OutboxMessage(
        key=OutboxKey(subject, OutboxKind.DEAD_LETTER), routing_key="failed", body=body, correlation_id="c-1"
    )


AT_MOST_ONCE = DeliveryPolicy.AT_MOST_ONCE
