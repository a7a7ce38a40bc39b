"""The notification store on PostgreSQL: one statement and transaction per batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
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
from angarium.notifications.store.postgresql import (
    accept,
    attachments,
    claim,
    contact_versions,
    dead_letters,
    outbox,
    record,
    sweep,
)
from angarium.notifications.store.postgresql.sql import Database
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.faults import in_words
from angarium.platform.database.migrate import Revisions
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.readiness import PROOF_POSTGRESQL, schema_problem

SCHEMA_VERSION = "SELECT version_num FROM alembic_version"


class PostgresqlStore:
    """The NotificationStore for PostgreSQL, with hand-written statements over raw connections.

    Owns `pool` and closes it. With `fast_paths` ACCEPT_PLAIN and RECORD_SENT are used for the batches that allow it.
    """

    def __init__(self, pool: PostgresqlPool, *, fast_paths: bool = True) -> None:
        self._db = Database(pool, fast_paths=fast_paths)
        self._revisions = Revisions(MIGRATIONS)

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        return await accept.accept(self._db, notifications, outbox_lease)

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        return await claim.claim(self._db, ids, token, lease, worker)

    async def attachments(self, notification_id: UUID) -> Sequence[bytes]:
        return await attachments.attachments(self._db, notification_id)

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        return await claim.renew(self._db, leases, lease)

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        return await record.record(self._db, results)

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        return await accept.find_by_request(self._db, tenant, request_id)

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        await dead_letters.bury(self._db, letters, outbox)

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
        return await record.move(self._db, notification_id, tenant, to, event, reason, among, channel)

    async def replay(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return await dead_letters.replay(self._db, letter_ids, tenant)

    async def discard(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return await dead_letters.discard(self._db, letter_ids, tenant)

    async def living_letters(self, letter_ids: Collection[UUID]) -> Collection[UUID]:
        return await dead_letters.living_letters(self._db, letter_ids)

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        return await outbox.lease_outbox(self._db, limit, lease, back)

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        await outbox.confirm_outbox(self._db, keys)

    async def outbox_pending(self) -> int:
        return await outbox.outbox_pending(self._db)

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        return await sweep.sweep(self._db, limit, back, patience)

    async def requeue_unfinished(self) -> int:
        return await sweep.requeue_unfinished(self._db)

    async def raise_contact_versions(self, tenant: str, versions: Mapping[UUID, int]) -> None:
        await contact_versions.raise_contact_versions(self._db, tenant, versions)

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        return await contact_versions.contact_versions(self._db, user_ids)

    async def problem(self) -> str | None:
        pool = self._db.pool
        try:
            versions = await pool.fetch(SCHEMA_VERSION)
            [proof] = await pool.fetch(PROOF_POSTGRESQL)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store does not serve
            return in_words(error)
        refusal: str | None = proof["problem"]
        if refusal is not None:
            pool.drop_idle()
        return schema_problem(self._revisions, [row["version_num"] for row in versions]) or refusal

    async def close(self) -> None:
        await self._db.pool.close()
