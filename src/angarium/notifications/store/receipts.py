"""Receipts in the notification database: stored before a webhook is answered, then applied.

SQLAlchemy Core, the same for every database. Every method raises DatabaseUnavailable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.notifications.receipt import Pending, Receipt, ReceiptKind
from angarium.notifications.store.schema import receipts
from angarium.platform.clock import Clock
from angarium.platform.database.engine import querying, writing
from angarium.platform.database.types import UtcDateTime

_BATCH_ROWS = 500
_REPLY = "reply"
"""The kind of rows of SMS replies, which are never applied."""
_mine = receipts.c
_EARLY = (
    update(receipts)
    .where(_mine.id == bindparam("b_id"))
    .values(noted=True, due_at=bindparam("b_due_at", type_=UtcDateTime()))
)


@dataclass(frozen=True, slots=True)
class Noted:
    """Whether this process applied the effect on the address `first`, and whether it did the `last` step.

    If neither, another process was faster and nothing is left to do.
    """

    first: bool
    last: bool


GONE = Noted(first=False, last=False)
"""The result for a receipt that was deleted while it was applied, with its notification or its user."""


class ReceiptStore:
    """Safe to use from any number of processes."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def add(self, news: Sequence[Receipt]) -> int:
        """Store new receipts to be applied now; return their number. Durable once it returns, and idempotent."""
        added = 0
        distinct = list({new.key: new for new in news}.values())
        for start in range(0, len(distinct), _BATCH_ROWS):
            some = distinct[start : start + _BATCH_ROWS]
            try:
                added += await self._add_many(some)
            except IntegrityError:  # another process stored one of them meanwhile: insert one by one
                added += sum([await self._add_one(new) for new in some])
        return added

    async def known(self, key: str) -> bool:
        """Whether a receipt or reply with this key is stored."""
        async with querying(self._engine) as connection:
            return (await connection.execute(select(_mine.id).where(_mine.id == key))).first() is not None

    async def add_reply(self, key: str, provider: str) -> bool:
        """Record that a reply was processed; return whether it is new. Neither its text nor its number is stored."""
        done = {"kind": _REPLY, "occurred_at": self._clock.now(), "reason": "", "noted": True, "due_at": None}
        return await self._insert({"id": key, "provider": provider, "received_at": self._clock.now(), **done})

    async def take(self, limit: int, *, lease: timedelta, back: timedelta | None = None) -> Sequence[Pending]:
        """Lease up to `limit` due receipts to this process, in the order of their events.

        Also returns all other pending receipts of the same notifications, due or not, so that early receipts are
        applied in the order of their events. One that is neither noted nor postponed when the lease expires is taken
        again.

        With `back` only those that became due within it; see `look_back`.
        """
        now = self._clock.now()
        reach = [_mine.due_at <= now] + ([] if back is None else [_mine.due_at > now - back])
        due = select(receipts).where(*reach).order_by(_mine.due_at).limit(limit)
        async with querying(self._engine) as connection:
            if (await connection.execute(select(_mine.id).where(*reach).limit(1))).first() is None:
                return []
        async with writing(self._engine) as connection:
            rows = list((await connection.execute(due.with_for_update(skip_locked=True))).mappings())
            rows += await _others(connection, rows)
            if rows:
                leased = update(receipts).where(_mine.id.in_([row["id"] for row in rows])).values(due_at=now + lease)
                await connection.execute(leased)
        return sorted(map(_pending, rows), key=lambda pending: (pending.receipt.at, pending.receipt.key))

    async def postpone(self, pending: Pending, until: datetime) -> None:
        """Postpone it to `until`."""
        this = (_mine.id == pending.receipt.key, _mine.due_at.is_not(None))
        async with writing(self._engine) as connection:
            await connection.execute(update(receipts).where(*this).values(due_at=until))

    async def prune(self, before: datetime) -> int:
        """Delete up to 500 receipts received before then, applied or not; return their number."""
        old = select(_mine.id).where(_mine.received_at < before).order_by(_mine.received_at).limit(_BATCH_ROWS)
        async with querying(self._engine) as connection:
            ids = list(await connection.scalars(old))
        if ids:
            async with writing(self._engine) as connection:
                await connection.execute(delete(receipts).where(_mine.id.in_(ids)))
        return len(ids)

    async def _add_many(self, news: Sequence[Receipt]) -> int:
        """Insert receipts. Raises IntegrityError, and inserts none, if one was stored meanwhile."""
        known_ids = select(_mine.id).where(_mine.id.in_([new.key for new in news]))
        async with writing(self._engine) as connection:
            known = set(await connection.scalars(known_ids))
            fresh = [self._values(new) for new in news if new.key not in known]
            if fresh:
                await connection.execute(insert(receipts), fresh)
        return len(fresh)

    async def _add_one(self, new: Receipt) -> bool:
        return await self._insert(self._values(new))

    async def _insert(self, values: Mapping[str, Any]) -> bool:
        try:
            async with writing(self._engine) as connection:
                await connection.execute(insert(receipts).values(dict(values)))
        except IntegrityError:
            return False
        return True

    def _values(self, new: Receipt) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "id": new.key,
            "provider": new.provider,
            "kind": str(new.kind),
            "occurred_at": new.at,
            "notification_id": new.notification_id,
            "provider_message_id": new.provider_message_id,
            "address": new.address,
            "reason": new.reason,
            "noted": False,
            "received_at": now,
            "due_at": now,
        }


async def _others(connection: AsyncConnection, rows: Sequence[RowMapping]) -> Sequence[RowMapping]:
    """Other pending receipts of the notifications in `rows`. Another process may have them; each effect counts once."""
    ids = {row["notification_id"] for row in rows if row["notification_id"] is not None}
    if not ids:
        return ()
    known = [row["id"] for row in rows]
    others = select(receipts).where(_mine.notification_id.in_(ids), _mine.due_at.is_not(None), _mine.id.not_in(known))
    return (await connection.execute(others.with_for_update(skip_locked=True))).mappings().all()


async def note(connection: AsyncConnection, look_again: Mapping[str, datetime | None]) -> Mapping[str, Noted]:
    """Record, within the caller's transaction, that the effects on addresses were applied.

    `look_again`: by key, when a receipt is checked next; None: it is applied, and its address is deleted. Receipts
    deleted meanwhile are omitted.
    """
    mine = select(_mine.id, _mine.noted, _mine.due_at).where(_mine.id.in_(look_again)).order_by(_mine.id)
    rows = (await connection.execute(mine.with_for_update())).all()
    open_rows = [row for row in rows if row.due_at is not None]
    applied = [row.id for row in open_rows if look_again[row.id] is None]
    if applied:
        done = update(receipts).where(_mine.id.in_(applied))
        await connection.execute(done.values(noted=True, due_at=None, address=None))
    early = [{"b_id": row.id, "b_due_at": look_again[row.id]} for row in open_rows if look_again[row.id] is not None]
    if early:
        await connection.execute(_EARLY, early)
    lasts = set(applied)
    return {row.id: Noted(first=not row.noted and row.due_at is not None, last=row.id in lasts) for row in rows}


def _pending(row: RowMapping) -> Pending:
    receipt = Receipt(
        key=row["id"],
        provider=row["provider"],
        kind=ReceiptKind(row["kind"]),
        at=row["occurred_at"],
        notification_id=row["notification_id"],
        provider_message_id=row["provider_message_id"],
        address=row["address"],
        reason=row["reason"],
    )
    return Pending(receipt=receipt, received_at=row["received_at"], noted=row["noted"])
