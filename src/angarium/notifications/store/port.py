"""The store of notifications as gateway and workers see it. Everything is batched.

Guarantees every adapter gives, held by `tests/conformance/store`:

- A method that returns has committed; one that raises `StoreUnavailable` may or may not have (repeat it: each
  is idempotent by id, token or key). Nothing is half-written: a batch is one transaction.
- `RowsLocked` is raised only for a batch that was not written, and says that its rows are worth trying one by one.
- Leases and due times are judged by the database's clock alone.
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
"""Where a count says "that many or more": what is counted every few seconds must not cost more, the more there is."""


class StoreUnavailable(Transient):
    """The notification database does not answer"""


class RowsLocked(StoreUnavailable):
    """Others hold locks on some of the rows for too long; the rows beside them can be written by themselves"""


class NotificationStore(Protocol):
    """The hot side of the store."""

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        """Make each durable, with its outbox row, in order. Idempotent on (tenant, caller, request_id).

        A `send_at` that lies ahead makes it `scheduled`, without an outbox row. The outbox rows are leased to the
        caller for `outbox_lease`, who publishes them at once; after that the relay takes them.
        The same key twice in one batch: the first is created, the second replayed (or a conflict).
        """
        ...

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        """Try to claim each (distinct ids, any order of answers): pending, retrying and due, or its lease ended.

        A claim counts an attempt and adds a `claimed` event. A `sending` row under `at_most_once` whose lease
        ended becomes `unknown` and is NothingToDo. Repeated with the same token, after an answer that was lost, it
        gives the same claims without counting again.
        """
        ...

    async def attachments(self, notification_id: UUID) -> Sequence[bytes]:
        """What the notification's attachments hold, in order; none once they were erased with it."""
        ...

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        """Prolong those of `leases` whose claim still holds, in one step. Waits for no lock of another transaction."""
        ...

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        """Write each result whose claim still holds, in order; False: it was stale and nothing of it was written.

        A result that stands in its row already, from a call whose answer was lost, is True again.

        Dead letters and outbox rows go in the same transaction; the outbox rows are leased to the caller for 10 s.
        """
        ...

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        """Up to two notifications that a foreign message may mean."""
        ...

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        """Record dead letters that belong to no claim, with their messages for `failed.queue`. Idempotent by id."""
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
        """Move one notification by hand (cancel, receipts) where the table allows it.

        With `among` only from one of these. With `channel` a notification of another channel is not there.

        Returns the status it had (the move took place if the table allows that one → `to`); None: not there.
        A row that is `sending` is moved by its worker alone (or the sweeper) and never here, whatever the table
        allows. `to=PENDING` also gives it an outbox row; `to=DELIVERED` sets `delivered_at` to the event's time.
        """
        ...

    async def replay(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        """Send these dead letters again: `failed → pending`, attempts from 0, an outbox row, the letter gone.

        Returns the letters that were replayed; those without a notification, gone, or not `failed` any more are not.
        """
        ...

    async def discard(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        """Take the letters off the list; the notifications stay `failed`. Returns those that were there."""
        ...

    async def living_letters(self, letter_ids: Collection[UUID]) -> Collection[UUID]:
        """Which of these dead letters are still on the list (whatever tenant)."""
        ...

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        """Up to `limit` messages whose lease ended, oldest first, now leased to the caller. None is given twice.

        With `back` only those whose lease ended within it: rows that are gone, and not vacuumed yet, are not read again
        each time.
        """
        ...

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        """The broker took these; forget them. Idempotent."""
        ...

    async def outbox_pending(self) -> int:
        """How many messages wait for their confirm; at most MOST_COUNTED, which means that many or more."""
        ...

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        """Move on up to `limit` rows whose time has come or whose worker or message was lost.

        scheduled and due → pending (or expired) with an outbox row; pending or retrying long overdue → an outbox row
        again; sending whose lease ended a while ago → an outbox row (or unknown under at_most_once). With `back` only
        those whose time came within it, as in `lease_outbox`. What `patience` names is left, and looked at later.
        """
        ...

    async def requeue_unfinished(self) -> int:
        """Give every pending, retrying or sending row an outbox row: for a broker that starts empty (embedded)."""
        ...

    async def raise_contact_versions(self, tenant: str, versions: Mapping[UUID, int]) -> None:
        """Remember which version each user of `tenant` has reached; a lower one than is known changes nothing."""
        ...

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """The version that each user has reached. Users that were never changed are omitted."""
        ...

    async def problem(self) -> str | None:
        """Why the store cannot do its work now, in words that anyone may read; None when it can.

        Proved by a read of the schema's version and a small write.
        """
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...
