"""The NotificationStore for SQLite: each call runs one function as a transaction in the writer thread."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import (
    NO_WAITS,
    Acceptance,
    Event,
    LeaseOf,
    NewDeadLetter,
    NewNotification,
    OutboxKey,
    OutboxMessage,
    Patience,
    Reason,
    Renewed,
    Result,
    SweepReport,
    Verdict,
)
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.store.sqlite import (
    accept,
    attachments,
    claim,
    contact_versions,
    dead_letters,
    outbox,
    record,
    sweep,
)
from angarium.platform.clock import Clock
from angarium.platform.database.faults import DatabaseUnavailable, in_words
from angarium.platform.database.migrate import Revisions
from angarium.platform.database.readiness import prove_sqlite_writes, schema_problem
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.platform.database.types import to_microseconds

SCHEMA_VERSION = "SELECT version_num FROM alembic_version"
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class SqliteStore:
    """Leases and due times follow `clock`, read when a transaction begins. Owns `writer` and closes it."""

    def __init__(self, writer: SqliteWriter, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._revisions = Revisions(MIGRATIONS)

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        return await self._run_at(accept.accept, notifications, outbox_lease)

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        return await self._run_at(claim.claim, ids, token, lease, worker)

    async def attachments(self, notification_id: UUID) -> Sequence[bytes]:
        return await self._run(attachments.attachments, notification_id)

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        return await self._run_at(claim.renew, leases, lease)

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        return await self._run_at(record.record, results)

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        return await self._run(accept.find_by_request, tenant, request_id)

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        await self._run_at(dead_letters.bury, letters, outbox)

    async def move(
        self,
        notification_id: UUID,
        *,
        tenant: str,
        to: Status,
        event: Event,
        reason: Reason | None = None,
        among: Collection[Status] | None = None,
        channel: Channel | None = None,
    ) -> Status | None:
        return await self._run_at(record.move, notification_id, tenant, to, event, reason, among, channel)

    async def replay(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return await self._run_at(dead_letters.replay, letter_ids, tenant)

    async def discard(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return await self._run(dead_letters.discard, letter_ids, tenant)

    async def living_letters(self, letter_ids: Collection[UUID]) -> Collection[UUID]:
        return await self._run(dead_letters.living_letters, letter_ids)

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        return await self._run_at(outbox.lease_outbox, limit, lease, back)

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        await self._run(outbox.confirm_outbox, keys)

    async def outbox_pending(self) -> int:
        return await self._run(outbox.outbox_pending)

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        return await self._run_at(sweep.sweep, limit, back, patience)

    async def requeue_unfinished(self) -> int:
        return await self._run_at(sweep.requeue_unfinished)

    async def raise_contact_versions(self, tenant: str, versions: Mapping[UUID, int]) -> None:
        if versions:
            await self._run(contact_versions.raise_contact_versions, tenant, versions)

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        return await self._run(contact_versions.contact_versions, user_ids)

    async def problem(self) -> str | None:
        try:
            versions, refusal = await self._run(_proof)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store does not serve
            return in_words(error)
        return schema_problem(self._revisions, versions) or refusal

    async def close(self) -> None:
        await self._writer.close()

    async def _run(
        self, work: Callable[Concatenate[sqlite3.Connection, P], ResultT], *values: P.args, **named: P.kwargs
    ) -> ResultT:
        try:
            return await self._writer.run(lambda connection: work(connection, *values, **named))
        except DatabaseUnavailable as error:
            raise StoreUnavailable(str(error)) from error

    async def _run_at(
        self, work: Callable[Concatenate[sqlite3.Connection, int, P], ResultT], *values: P.args, **named: P.kwargs
    ) -> ResultT:
        """As `_run`, passing the transaction's time."""
        return await self._run(lambda connection: work(connection, self._now(), *values, **named))

    def _now(self) -> int:
        return to_microseconds(self._clock.now())


def _proof(connection: sqlite3.Connection) -> tuple[list[str], str | None]:
    versions = [row["version_num"] for row in connection.execute(SCHEMA_VERSION)]
    return versions, prove_sqlite_writes(connection)
