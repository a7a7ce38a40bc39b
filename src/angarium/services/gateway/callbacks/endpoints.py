"""Endpoints that fail, and those that are disabled: an endpoint is a tenant's URL without its query."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.services.gateway.callbacks.model import Attempted, State
from angarium.services.gateway.callbacks.schedule import GIVEN_UP_AFTER
from angarium.services.gateway.callbacks.schema import callback_endpoints

Key = tuple[str, str]
"""Tenant and endpoint hash."""
_COLUMNS = callback_endpoints.c


class Endpoints:
    """The state of endpoints, within a transaction at the time `now`."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    async def disabled(self, keys: Collection[Key]) -> Collection[Key]:
        """The disabled ones among `keys`."""
        query = select(_COLUMNS.tenant, _COLUMNS.endpoint_hash)
        hashes = sorted({endpoint for _, endpoint in keys})
        rows = await self._connection.execute(
            query.where(_COLUMNS.endpoint_hash.in_(hashes), _COLUMNS.disabled_at.is_not(None))
        )
        return {(row.tenant, row.endpoint_hash) for row in rows}

    async def learn(self, batch: Sequence[Attempted]) -> Sequence[Attempted]:
        """Update endpoints from attempts; return the attempts that disabled one."""
        asked = sorted((attempted for attempted in batch if not attempted.callback.disabled), key=_finality)
        answers = {(a.callback.tenant, a.callback.endpoint_hash): a for a in asked}
        if not answers:
            return []
        hashes = sorted({endpoint for _, endpoint in answers})
        columns = (_COLUMNS.tenant, _COLUMNS.endpoint_hash, _COLUMNS.failing_since, _COLUMNS.disabled_at)
        rows = await self._connection.execute(select(*columns).where(_COLUMNS.endpoint_hash.in_(hashes)))
        failing = {(row.tenant, row.endpoint_hash): row.failing_since for row in rows}
        disabled = []
        for key in sorted(answers):
            attempted = answers[key]
            if await self._learn_one(key, attempted, failing.get(key)):
                disabled.append(attempted)
        return disabled

    async def enable(self, tenant: str, hashes: Collection[str]) -> None:
        """Reset these endpoints' failures."""
        mine = (_COLUMNS.tenant == tenant) & _COLUMNS.endpoint_hash.in_(sorted(hashes))
        await self._connection.execute(delete(callback_endpoints).where(mine))

    async def _learn_one(self, key: Key, attempted: Attempted, failing_since: datetime | None) -> bool:
        if attempted.state is State.DELIVERED:
            if failing_since is not None:
                await self._connection.execute(delete(callback_endpoints).where(_is(key)))
            return False
        if failing_since is None:
            await self._begin(key)
        if not attempted.gone and (failing_since is None or self._now - failing_since < GIVEN_UP_AFTER):
            return False
        change = update(callback_endpoints).where(_is(key), _COLUMNS.disabled_at.is_(None))
        return (await self._connection.execute(change.values(disabled_at=self._now))).rowcount == 1

    async def _begin(self, key: Key) -> None:
        tenant, endpoint = key
        with suppress(IntegrityError):  # another gateway was first
            async with self._connection.begin_nested():
                await self._connection.execute(
                    insert(callback_endpoints).values(tenant=tenant, endpoint_hash=endpoint, failing_since=self._now)
                )


def _finality(attempted: Attempted) -> int:
    """Order of several answers of one endpoint: "gone" takes precedence, then success."""
    return 2 if attempted.gone else int(attempted.state is State.DELIVERED)


def _is(key: Key) -> ColumnElement[bool]:
    tenant, endpoint = key
    return (_COLUMNS.tenant == tenant) & (_COLUMNS.endpoint_hash == endpoint)
