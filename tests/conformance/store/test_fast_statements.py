"""PostgreSQL: the shorter statements for ordinary batches leave the same rows as the full ones."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from angarium.contracts.statuses import Status
from angarium.notifications.model import Claimed, NewNotification, Result
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.postgresql.store import PostgresqlStore
from angarium.platform.database.postgresql_pool import PostgresqlPool
from tests.conformance.store.backends import LEASE, OUTBOX_LEASE, Backend, notification, result

DIFFERENT = {"id", "request_id", "correlation_id", "claim_token"}
"""What two notifications never share."""
CHANGING = {"lease_until", "sweep_at", "created_at", "updated_at", "sent_at"}
"""Moments, of which only whether they are set is compared."""

pytestmark = [pytest.mark.distributed, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


@pytest.fixture
async def stores(backend: Backend) -> AsyncIterator[tuple[NotificationStore, NotificationStore]]:
    """One store with the fast statements and one without."""
    opened = [
        PostgresqlStore(PostgresqlPool(backend.url, size=1, setting="URL"), fast_paths=fast) for fast in (True, False)
    ]
    yield opened[0], opened[1]
    for store in opened:
        await store.close()


async def _row(backend: Backend, identifier: UUID) -> dict[str, Any]:
    connection = await asyncpg.connect(backend.url)
    row = dict(await connection.fetchrow("SELECT * FROM notifications WHERE id = $1", identifier))
    events = await connection.fetchval(
        "SELECT jsonb_agg(entry - 'at')::text FROM notifications, jsonb_array_elements(events) AS entry WHERE id = $1",
        identifier,
    )
    await connection.close()
    changing = {name: row[name] is not None for name in CHANGING}
    return {name: value for name, value in row.items() if name not in DIFFERENT} | changing | {"events": events}


async def _accepted(store: NotificationStore, new: NewNotification) -> UUID:
    await store.accept([new], outbox_lease=OUTBOX_LEASE)
    return new.id


async def test_an_ordinary_acceptance(backend: Backend, stores: tuple[NotificationStore, NotificationStore]) -> None:
    rows = [await _row(backend, await _accepted(store, notification(user_id="u-1"))) for store in stores]
    assert rows[0] == rows[1]
    assert rows[0]["status"] == Status.PENDING


async def test_a_result_that_is_sent(backend: Backend, stores: tuple[NotificationStore, NotificationStore]) -> None:
    rows = []
    for store in stores:
        identifier = await _accepted(store, notification())
        [claim] = await store.claim([identifier], token=uuid4(), lease=LEASE, worker="w")
        assert isinstance(claim, Claimed)
        sent: Result = result(claim, Status.SENT)
        assert await store.record([sent]) == [True]
        rows.append(await _row(backend, identifier))
    assert rows[0] == rows[1]
    assert rows[0]["status"] == Status.SENT
