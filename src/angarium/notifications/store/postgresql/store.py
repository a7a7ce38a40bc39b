"""The notification store on PostgreSQL: one statement, one transaction, for each batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import (
    NO_WAITS,
    Acceptance,
    AcceptOutcome,
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
from angarium.notifications.store import arguments
from angarium.notifications.store.acceptances import Kept, Key, acceptances, missing
from angarium.notifications.store.arguments import by_key
from angarium.notifications.store.port import RowsLocked, StoreUnavailable
from angarium.notifications.store.postgresql import accept as accepting
from angarium.notifications.store.postgresql import claim as claiming
from angarium.notifications.store.postgresql import contact_versions as contacts
from angarium.notifications.store.postgresql import dead_letters as dead
from angarium.notifications.store.postgresql import outbox as publishing
from angarium.notifications.store.postgresql import record as recording
from angarium.notifications.store.postgresql import sweep as sweeping
from angarium.notifications.store.rows import (
    claimed,
    kept,
    outbox_message,
    refused,
    sweep_report,
)
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.faults import DatabaseUnavailable, got_no_lock, in_words
from angarium.platform.database.migrate import Revisions
from angarium.platform.database.postgresql_pool import PostgresqlPool, Record
from angarium.platform.database.readiness import PROOF_POSTGRESQL, schema_problem

_ATTEMPTS_TO_ACCEPT = 3
_ORDINARY = len(accepting.ORDINARY_COLUMNS)
_FIND_BY_REQUEST = "SELECT id FROM notifications WHERE request_id = $2 AND (tenant = $1) IS TRUE LIMIT 2"
_SCHEMA_VERSION = "SELECT version_num FROM alembic_version"


class PostgresqlStore:
    """The NotificationStore of PostgreSQL, by hand-written statements over raw connections.

    Owns `pool` and closes it. With `fast_paths` ACCEPT_PLAIN and RECORD_SENT write the batches that allow it.
    """

    def __init__(self, pool: PostgresqlPool, *, fast_paths: bool = True) -> None:
        self._pool = pool
        self._fast_paths = fast_paths
        self._revisions = Revisions(MIGRATIONS)

    async def accept(
        self, notifications: Sequence[NewNotification], *, outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        rows = await self._insert(sorted(notifications, key=by_key), outbox_lease)
        if len(rows) == len(notifications) and all(row["status"] == Status.PENDING for row in rows):
            return [
                Acceptance(AcceptOutcome.CREATED, n.id, Status.PENDING, rows[0]["created_at"]) for n in notifications
            ]
        return await self._settle(notifications, _created(notifications, rows), outbox_lease)

    async def _settle(
        self, notifications: Sequence[NewNotification], known: dict[Key, Kept], outbox_lease: timedelta
    ) -> Sequence[Acceptance]:
        """The answers, once it is known what stands under each key."""
        for _ in range(_ATTEMPTS_TO_ACCEPT):
            known |= await self._prior(missing(notifications, known))
            new = sorted(missing(notifications, known), key=by_key)
            if not new:
                return acceptances(notifications, known)
            known |= _created(new, await self._insert(new, outbox_lease))
        message = "rows were deleted while their requests were repeated"
        raise StoreUnavailable(message)

    async def _insert(self, new: Sequence[NewNotification], outbox_lease: timedelta) -> Sequence[Record]:
        if not new:
            return []
        rows = [arguments.accepted_row(n) for n in new]
        if self._fast_paths and all(row[_ORDINARY:] == arguments.PLAIN for row in rows):
            columns = list(zip(*rows, strict=True))[:_ORDINARY]
            return await self._fetch(accepting.ACCEPT_PLAIN, *columns, outbox_lease)
        return await self._fetch(accepting.ACCEPT, *zip(*rows, strict=True), outbox_lease)

    async def _prior(self, taken: Sequence[NewNotification]) -> dict[Key, Kept]:
        if not taken:
            return {}
        rows = await self._fetch(accepting.PRIOR, *zip(*map(by_key, taken), strict=True))
        return {(row["tenant"], row["request_id"], row["caller"]): kept(row, row["fingerprint"]) for row in rows}

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        wanted = sorted(ids)
        if not wanted:
            return []
        rows = await self._fetch(claiming.CLAIM, wanted, token, lease, worker)
        verdicts: list[Verdict] = [claimed(row, token) for row in rows]
        if len(rows) < len(wanted):
            taken = {row["id"] for row in rows}
            left = [identifier for identifier in wanted if identifier not in taken]
            verdicts += refused(left, await self._fetch(claiming.GIVE_UP, left))
        return verdicts

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        if not leases:
            return Renewed((), ())
        rows = await self._fetch(claiming.RENEW, *zip(*sorted(leases), strict=True), lease)
        prolonged = {(row["id"], row["claim_token"]) for row in rows}
        left = set(leases) - prolonged
        held = set(await self._still_held(left)) if left else set()
        return Renewed(prolonged, left - held)

    async def _still_held(self, leases: Collection[LeaseOf]) -> set[LeaseOf]:
        keys = [(*held, Status.SENDING) for held in sorted(leases)]
        ids = {row["id"] for row in await self._fetch(recording.WRITTEN_BEFORE, *zip(*keys, strict=True))}
        return {held for held in leases if held[0] in ids}

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        firsts = arguments.first_of_each(results)
        if not firsts:
            return []
        written = {row["id"] for row in await self._write(firsts)}
        late = [result for result in firsts if result.id not in written]
        if late:
            written |= await self._written_before(late)
        first = {id(result) for result in firsts}
        return [id(result) in first and result.id in written for result in results]

    async def _write(self, results: Sequence[Result]) -> Sequence[Record]:
        if self._fast_paths:
            sent = [arguments.sent_row(result) for result in results]
            if None not in sent:
                return await self._fetch(recording.RECORD_SENT, *zip(*filter(None, sent), strict=True))
        rows = arguments.columns([arguments.result_row(r) for r in results], len(recording.RESULT_COLUMNS))
        letters = arguments.claimed_rows(arguments.letters_of, results)
        messages = arguments.claimed_rows(arguments.messages_of, results)
        if not letters and not messages:
            return await self._fetch(recording.RECORD, *rows)
        return await self._fetch(
            recording.RECORD_WITH_LETTERS,
            *rows,
            *arguments.columns(letters, len(dead.LETTER_COLUMNS) + 1),
            *arguments.columns(messages, len(publishing.MESSAGE_COLUMNS) + 1),
        )

    async def _written_before(self, results: Sequence[Result]) -> set[UUID]:
        keys = [(result.id, result.claim_token, result.status) for result in results]
        return {row["id"] for row in await self._fetch(recording.WRITTEN_BEFORE, *zip(*keys, strict=True))}

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        return [row["id"] for row in await self._fetch(_FIND_BY_REQUEST, tenant, request_id)]

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        letter_rows = sorted(map(arguments.letter_row, letters), key=lambda row: row[0])
        message_rows = sorted(map(arguments.message_row, outbox), key=lambda row: row[:2])
        await self._fetch(
            dead.BURY,
            *arguments.columns(letter_rows, len(dead.LETTER_COLUMNS)),
            *arguments.columns(message_rows, len(publishing.MESSAGE_COLUMNS)),
        )

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
        sources = [old for old in recording.movable_to(to) if among is None or old in among]
        code, words = (reason.code, reason.message) if reason else (None, None)
        rows = await self._fetch(
            recording.MOVE, notification_id, tenant, to, sources, code, words, encode_events([event]), channel, event.at
        )
        return Status(rows[0]["status"]) if rows else None

    async def replay(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return [row["id"] for row in await self._fetch(dead.REPLAY, sorted(letter_ids), tenant)]

    async def discard(self, letter_ids: Sequence[UUID], *, tenant: str) -> Sequence[UUID]:
        return [row["id"] for row in await self._fetch(dead.DISCARD, sorted(letter_ids), tenant)]

    async def living_letters(self, letter_ids: Collection[UUID]) -> Collection[UUID]:
        return {row["id"] for row in await self._fetch(dead.LIVING_LETTERS, list(letter_ids))}

    async def lease_outbox(
        self, limit: int, *, lease: timedelta, back: timedelta | None = None
    ) -> Sequence[OutboxMessage]:
        rows = await self._fetch(publishing.LEASE_OUTBOX, limit, lease, back)
        leased = [(row, outbox_message(row)) for row in rows]
        orphans = [OutboxKey(row["subject"], row["kind"]) for row, message in leased if message is None]
        await self.confirm_outbox(orphans)
        return [message for _, message in leased if message is not None]

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        if keys:
            pairs = sorted((key.subject, key.kind) for key in keys)
            await self._fetch(publishing.CONFIRM_OUTBOX, *zip(*pairs, strict=True))

    async def outbox_pending(self) -> int:
        [row] = await self._fetch(publishing.OUTBOX_PENDING)
        return int(row["pending"])

    async def sweep(self, limit: int, *, back: timedelta | None = None, patience: Patience = NO_WAITS) -> SweepReport:
        lanes, waits = list(patience.lanes), list(patience.lanes.values())
        return sweep_report(await self._fetch(sweeping.SWEEP, limit, back, patience.claims, lanes, waits))

    async def requeue_unfinished(self) -> int:
        [row] = await self._fetch(sweeping.REQUEUE_UNFINISHED)
        return int(row["rows"])

    async def raise_contact_versions(self, tenant: str, versions: Mapping[UUID, int]) -> None:
        if versions:
            await self._fetch(contacts.RAISE_CONTACT_VERSIONS, tenant, *zip(*sorted(versions.items()), strict=True))

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        if not user_ids:
            return {}
        return {row["user_id"]: row["version"] for row in await self._fetch(contacts.CONTACT_VERSIONS, list(user_ids))}

    async def problem(self) -> str | None:
        try:
            versions = await self._pool.fetch(_SCHEMA_VERSION)
            [proof] = await self._pool.fetch(PROOF_POSTGRESQL)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store does not serve
            return in_words(error)
        refusal: str | None = proof["problem"]
        if refusal is not None:
            self._pool.drop_idle()
        return schema_problem(self._revisions, [row["version_num"] for row in versions]) or refusal

    async def close(self) -> None:
        await self._pool.close()

    async def _fetch(self, statement: str, *values: object) -> Sequence[Record]:
        try:
            return await self._pool.fetch(statement, *values)
        except DatabaseUnavailable as error:
            kind = RowsLocked if got_no_lock(error) else StoreUnavailable
            raise kind(str(error)) from error


def _created(new: Sequence[NewNotification], rows: Sequence[Record]) -> dict[Key, Kept]:
    """What `rows`, just inserted, put under the keys of `new`."""
    created = {row["id"]: row for row in rows}
    return {by_key(n): kept(created[n.id], n.fingerprint) for n in new if n.id in created}
