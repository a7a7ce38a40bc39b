"""The port of the notification store, used by gateway and workers. Everything is batched.

Every adapter guarantees, as `tests/conformance/store` checks:

- A method that returns has committed. One that raises `StoreUnavailable` may or may not have committed; it can be
  repeated, since each is idempotent by id, token or key. A batch is one transaction and never partially written.
- `RowsLocked` is raised only for a batch that was not written; its rows can be tried one by one.
- Leases and due times use the database's clock only.
- Each change of status is conditional on `TRANSITIONS`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from angarium.contracts.errors import Transient
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

MOST_COUNTED = 10_001
"""Limit of counts, which then mean "that many or more", so that frequent counts have a bounded cost."""


class StoreUnavailable(Transient):
    """The notification database does not answer"""


class RowsLocked(StoreUnavailable):
    """Others hold locks on some of the rows for too long; the rows beside them can be written by themselves"""


class NotificationStore(Protocol):
    """The hot methods of the store."""

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        """Store each notification with its outbox row, in order. Idempotent by (tenant, caller, request_id).

        A future `send_at` makes it `scheduled`, without an outbox row. The outbox rows are leased for `outbox_lease` to
        the caller, who publishes them at once; after that the relay takes them. If a key occurs twice in a batch, the
        first is created and the second is a replay (or a conflict).
        """
        ...

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        """Try to claim each (distinct ids, results in any order): pending, retrying and due, or with an expired lease.

        A claim counts an attempt and adds a `claimed` event. A `sending` row under `at_most_once` whose lease expired
        becomes `unknown` and is NothingToDo. Repeated with the same token, after a lost answer, it returns the same
        claims without counting again.
        """
        ...

    async def attachments(self, notification_id: UUID) -> Sequence[bytes]:
        """The contents of the notification's attachments, in order; empty once they were erased."""
        ...

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        """Renew those of `leases` whose claim is still valid, in one step.

        Does not wait for other transactions' locks.
        """
        ...

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        """Write each result whose claim is still valid, in order; False: it was stale and was not written.

        A result that was already written, by a call whose answer was lost, is True again.

        Dead letters and outbox rows go in the same transaction; the outbox rows are leased to the caller for 10 s.
        """
        ...

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        """Up to two notifications that match a foreign message."""
        ...

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        """Record dead letters without a claim, with their messages for `failed.queue`. Idempotent by id."""
        ...

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
        """Move one notification outside of a claim (cancellation, receipts) if the table allows it.

        With `among` only from one of these statuses. With `channel` notifications of other channels count as missing.

        Returns the previous status (the move took place if the table allows its transition to `to`); None if it does
        not exist. A `sending` row is moved only by its worker or the sweeper, never here, whatever the table allows.
        `to=PENDING` also adds an outbox row; `to=DELIVERED` sets `delivered_at` to the event's time.
        """
        ...

    async def replay(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        """Replay dead letters: `failed → pending`, attempts reset to 0, an outbox row, the dead letter deleted.

        Returns the replayed ones. Dead letters without a notification, deleted ones, and those no longer `failed` are
        skipped.
        """
        ...

    async def discard(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        """Delete dead letters; their notifications stay `failed`. Returns those that existed."""
        ...

    async def living_letters(self, letter_ids: Collection[UUID]) -> Collection[UUID]:
        """Which of these dead letters still exist, in any tenant."""
        ...

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        """Lease up to `limit` messages with an expired lease, oldest first. No message is leased twice.

        With `back` only those whose lease expired within it, so that deleted rows that are not vacuumed yet are not
        read each time.
        """
        ...

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        """Delete confirmed messages. Idempotent.

        A key with `leased_until` deletes only a row that is still under that lease, not one enqueued again since then.
        """
        ...

    async def outbox_pending(self) -> int:
        """Number of unconfirmed messages, counted up to MOST_COUNTED."""
        ...

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        """Process up to `limit` rows that are due or whose worker or message was lost.

        scheduled and due → pending (or expired) with an outbox row; pending or retrying, long overdue → another outbox
        row; sending with a long expired lease → an outbox row (or unknown under at_most_once). With `back` only rows
        that became due within it, as in `lease_outbox`. Rows within `patience` are postponed.
        """
        ...

    async def requeue_unfinished(self) -> int:
        """Give every pending, retrying or sending row an outbox row, for a broker that starts empty (embedded)."""
        ...

    async def raise_contact_versions(self, tenant: str, versions: Mapping[UUID, int]) -> None:
        """Store the version that each user of `tenant` has reached; a lower one changes nothing."""
        ...

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """The version that each user has reached. Users without a change are omitted."""
        ...

    async def problem(self) -> str | None:
        """Why the store is not ready, without confidential details; None if it is.

        Reads the schema's version and makes a small write.
        """
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...
