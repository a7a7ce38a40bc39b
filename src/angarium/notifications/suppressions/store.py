"""The suppression list in the notification database.

Workers query it once per claimed batch, by an index on the keyed hash of an address, and again for a send that had to
wait. Everything else is rare. SQLAlchemy Core, the same for every database.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.store.paging import Found, Listing, Paging
from angarium.notifications.suppressions.keys import AddressKeys
from angarium.notifications.suppressions.look_up import EngineLookUp, LookUp
from angarium.notifications.suppressions.model import (
    SOFT_BOUNCES,
    Added,
    Cause,
    NewSuppression,
    Suppression,
    SuppressionFilter,
    Target,
)
from angarium.notifications.suppressions.schema import soft_bounces, suppressions
from angarium.platform.clock import Clock
from angarium.platform.database.deadlocks import begun_again
from angarium.platform.database.engine import querying, reading, writing
from angarium.platform.identifiers import Identifiers

ItemT = TypeVar("ItemT")
_BATCH_ROWS = 500
_SHOWN = (
    suppressions.c.id,
    suppressions.c.tenant,
    suppressions.c.channel,
    suppressions.c.address,
    suppressions.c.reason,
    suppressions.c.source,
    suppressions.c.created_at,
    suppressions.c.expires_at,
)
_BY_TIME = Listing(suppressions.c.created_at, suppressions.c.id)


class SuppressionStore:
    """Shared by workers, gateway and receipts; one per process. Every method raises DatabaseUnavailable."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        identifiers: Identifiers,
        keys: AddressKeys | None = None,
        look_up: LookUp | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._identifiers = identifiers
        self._keys = keys or AddressKeys(engine)
        self._look_up = look_up or EngineLookUp(engine)

    async def causes(self, targets: Collection[Target]) -> Mapping[Target, Cause]:
        """The suppressed `targets`, each with its first entry. One query per 500."""
        if not targets:
            return {}
        key_of = await self._keys.opened()
        by_key: defaultdict[str, list[Target]] = defaultdict(list)
        for target in targets:
            by_key[key_of(target)].append(target)
        found: dict[Target, Cause] = {}
        for keys in _pieces(list(by_key)):
            for entry in await self._look_up.find(keys, self._clock.now()):
                cause = Cause(entry.reason, entry.source, entry.created_at)
                for target in by_key[entry.key]:
                    found.setdefault(target, cause)
        return found

    @begun_again
    async def add(self, new: NewSuppression) -> Suppression:
        """Add an entry, or update the source and expiry of the one with this address and reason."""
        key = (await self._keys.opened())(new.target)
        async with writing(self._engine) as connection:
            await self._put(connection, key, new)
            same = and_(suppressions.c.address_key == key, suppressions.c.reason == new.reason)
            row = (await connection.execute(select(*_SHOWN).where(same))).mappings().one()
        return _suppression(row)

    async def add_many(self, news: Sequence[NewSuppression]) -> Added:
        """As `add`, in one transaction for each 500 entries."""
        key_of = await self._keys.opened()
        added = 0
        for some in _pieces(news):
            wanted = {(key_of(new.target), new.reason): new for new in some}
            try:
                added += await self._put_many(wanted)
            except IntegrityError:  # another process added one of them meanwhile: insert one by one
                added += await self._put_each(wanted)
        return Added(added, len(news) - added)

    async def page(self, tenant: str, wanted: SuppressionFilter, paging: Paging) -> Found[Suppression]:
        """Entries of a tenant, newest first. Raises ValidationFailed for an invalid cursor."""
        query = select(*_SHOWN).where(*await self._wanted(tenant, wanted))
        async with reading(self._engine) as connection:
            rows, total, following = await _BY_TIME.page(connection, query, paging)
        return Found([_suppression(row) for row in rows], total, following)

    async def all(self, tenant: str, wanted: SuppressionFilter) -> AsyncIterator[Suppression]:
        """Every entry of a tenant, by id, read in batches; entries added meanwhile may be omitted."""
        conditions = await self._wanted(tenant, wanted)
        after = UUID(int=0)
        while True:
            query = select(*_SHOWN).where(*conditions, suppressions.c.id > after)
            async with reading(self._engine) as connection:
                piece = query.order_by(suppressions.c.id).limit(_BATCH_ROWS)
                rows = (await connection.execute(piece)).mappings().all()
            for row in rows:
                yield _suppression(row)
            if len(rows) < _BATCH_ROWS:
                return
            after = rows[-1]["id"]

    async def remove(self, tenant: str, suppression_id: UUID) -> Suppression | None:
        """Remove an entry and return it; None if the tenant has none with that id."""
        mine = and_(suppressions.c.tenant == tenant, suppressions.c.id == suppression_id)
        async with writing(self._engine) as connection:
            row = (await connection.execute(select(*_SHOWN).where(mine))).mappings().first()
            if row is None:
                return None
            removed = await connection.execute(delete(suppressions).where(mine))
        return _suppression(row) if removed.rowcount else None

    async def lift(self, target: Target, reason: SuppressionReason) -> bool:
        """Remove the entry of an address for one reason, keeping other reasons. Returns whether there was one."""
        key = (await self._keys.opened())(target)
        same = and_(suppressions.c.address_key == key, suppressions.c.reason == reason)
        async with writing(self._engine) as connection:
            return bool((await connection.execute(delete(suppressions).where(same))).rowcount)

    @begun_again
    async def bounced_softly(self, target: Target, source: str, user_id: UUID | None = None) -> bool:
        """Count a soft bounce; return whether it suppresses the address: five in a row without a delivery.

        Call once per bounce; the caller must detect repeated webhooks.
        """
        key = await self.key_of(target)
        async with writing(self._engine) as connection:
            return await self.count_soft_bounce(connection, key, target, source, user_id)

    async def key_of(self, target: Target) -> str:
        """The key of an address, for the methods that run within the caller's transaction."""
        return (await self._keys.opened())(target)

    async def count_soft_bounce(
        self, connection: AsyncConnection, key: str, target: Target, source: str, user_id: UUID | None = None
    ) -> bool:
        """As `bounced_softly`, within the caller's transaction. `key` is that of `target`."""
        counted = await self._count(connection, key)
        if counted < SOFT_BOUNCES:
            return False
        new = NewSuppression(target=target, reason=SuppressionReason.SOFT_BOUNCE, source=source, user_id=user_id)
        await self.forget_soft_bounces(connection, [key])
        return await self._put(connection, key, new)

    async def forget_soft_bounces(self, connection: AsyncConnection, keys: Sequence[str]) -> None:
        """Reset the soft bounces of each address, within the caller's transaction."""
        await connection.execute(delete(soft_bounces).where(soft_bounces.c.address_key.in_(keys)))

    async def delivered(self, targets: Collection[Target]) -> None:
        """Reset the soft bounces of each address after a delivery. Suppressions stay."""
        key_of = await self._keys.opened()
        keys = sorted({key_of(target) for target in targets})
        for some in _pieces(keys):
            mine = soft_bounces.c.address_key.in_(some)
            async with querying(self._engine) as connection:
                bounced = (await connection.execute(select(soft_bounces.c.address_key).where(mine))).scalars().all()
            if bounced:
                async with writing(self._engine) as connection:
                    await connection.execute(delete(soft_bounces).where(soft_bounces.c.address_key.in_(bounced)))

    async def forget_user(self, tenant: str, user_id: UUID) -> None:
        """Remove the clear text of the user's addresses; the entries stay with their keyed hash. Idempotent."""
        mine = and_(suppressions.c.tenant == tenant, suppressions.c.user_id == user_id)
        async with writing(self._engine) as connection:
            await connection.execute(update(suppressions).where(mine).values(address=None, user_id=None))

    @begun_again
    async def _put_many(self, wanted: Mapping[tuple[str, SuppressionReason], NewSuppression]) -> int:
        """Insert or update; return the number of new entries.

        Raises IntegrityError, and stores none, if one was added meanwhile.
        """
        mine = suppressions.c
        known_rows = select(mine.address_key, mine.reason).where(mine.address_key.in_({key for key, _ in wanted}))
        async with writing(self._engine) as connection:
            known = {(row.address_key, row.reason) for row in await connection.execute(known_rows)}
            fresh = [self._values(key, new) for (key, reason), new in wanted.items() if (key, reason) not in known]
            if fresh:
                await connection.execute(insert(suppressions), fresh)
            for (key, reason), new in wanted.items():
                if (key, reason) in known:
                    await _change(connection, key, new)
        return len(fresh)

    @begun_again
    async def _put_each(self, wanted: Mapping[tuple[str, SuppressionReason], NewSuppression]) -> int:
        """As `_put_many`, but safe against concurrent additions."""
        async with writing(self._engine) as connection:
            return sum([await self._put(connection, key, new) for (key, _), new in wanted.items()])

    def _values(self, key: str, new: NewSuppression) -> dict[str, Any]:
        return {
            "id": self._identifiers.new(),
            "tenant": new.target.tenant,
            "channel": new.target.channel,
            "address_key": key,
            "address": new.target.address,
            "user_id": new.user_id,
            "reason": new.reason,
            "source": new.source,
            "created_at": self._clock.now(),
            "expires_at": new.expires_at,
        }

    async def _put(self, connection: AsyncConnection, key: str, new: NewSuppression) -> bool:
        """Insert or update an entry; return whether it is new."""
        if await _change(connection, key, new):
            return False
        try:
            async with connection.begin_nested():
                await connection.execute(insert(suppressions).values(self._values(key, new)))
        except IntegrityError:  # another process added it between our two statements
            await _change(connection, key, new)
            return False
        return True

    async def _count(self, connection: AsyncConnection, key: str) -> int:
        table, now = soft_bounces.c, self._clock.now()
        more = update(soft_bounces).where(table.address_key == key).values(in_a_row=table.in_a_row + 1, bounced_at=now)
        if not (await connection.execute(more)).rowcount:
            try:
                async with connection.begin_nested():
                    first = {"address_key": key, "in_a_row": 1, "bounced_at": now}
                    await connection.execute(insert(soft_bounces).values(first))
            except IntegrityError:  # another process counted its first bounce just now
                await connection.execute(more)
        return int(await connection.scalar(select(table.in_a_row).where(table.address_key == key)) or 0)

    async def _wanted(self, tenant: str, wanted: SuppressionFilter) -> Sequence[ColumnElement[bool]]:
        mine = suppressions.c
        conditions: list[ColumnElement[bool]] = [mine.tenant == tenant]
        if wanted.channel is not None:
            conditions.append(mine.channel == wanted.channel)
        if wanted.reason is not None:
            conditions.append(mine.reason == wanted.reason)
        if wanted.address is not None:
            key_of = await self._keys.opened()
            channels = (Channel.EMAIL, Channel.SMS) if wanted.channel is None else (wanted.channel,)
            targets = [Target(tenant, channel, wanted.address) for channel in channels]
            conditions.append(mine.address_key.in_([key_of(target) for target in targets]))
        return conditions


def _pieces(items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    return (items[start : start + _BATCH_ROWS] for start in range(0, len(items), _BATCH_ROWS))


async def _change(connection: AsyncConnection, key: str, new: NewSuppression) -> bool:
    values: dict[str, Any] = {
        "address": new.target.address,
        "source": new.source,
        "expires_at": new.expires_at,
    }
    if new.user_id is not None:
        values["user_id"] = new.user_id
    same = and_(suppressions.c.address_key == key, suppressions.c.reason == new.reason)
    return bool((await connection.execute(update(suppressions).where(same).values(values))).rowcount)


def _suppression(row: RowMapping) -> Suppression:
    values = dict(row)
    values["channel"], values["reason"] = Channel(row["channel"]), SuppressionReason(row["reason"])
    return Suppression(**values)
