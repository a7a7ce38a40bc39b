"""The shorter statements for ordinary batches leave the same rows as the full ones."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from angarium.contracts.statuses import Status
from angarium.notifications.model import Claimed, NewNotification, Result
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.schema import notifications
from angarium.platform.database.engine import reading
from tests.conformance.store.backends import LEASE, OUTBOX_LEASE, Backend, notification, result

DIFFERENT = {"id", "request_id", "correlation_id", "claim_token"}
"""What two notifications never share."""
CHANGING = {"lease_until", "sweep_at", "created_at", "updated_at", "sent_at"}
"""Moments, of which only whether they are set is compared."""

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.parametrize("backend", ["postgresql", "mariadb"], indirect=True),
]


@pytest.fixture
async def stores(backend: Backend) -> AsyncIterator[tuple[NotificationStore, NotificationStore]]:
    """One store with the fast statements and one without."""
    opened = [open_store(backend.url, pool_size=1, clock=backend.clock, fast_paths=fast) for fast in (True, False)]
    yield opened[0], opened[1]
    for store in opened:
        await store.close()


async def _row(backend: Backend, identifier: UUID) -> dict[str, Any]:
    async with reading(backend.engine) as connection:
        query = select(notifications).where(notifications.c.id == identifier)
        row = (await connection.execute(query)).mappings().one()
    events = [{name: value for name, value in event.items() if name != "at"} for event in row["events"]]
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
