"""The erasure of a user with many notifications ends, a call at a time and in between."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from angarium.notifications import erasing as module
from angarium.notifications.erasing import FORGOTTEN, LEASE, Erasing, Pass
from angarium.notifications.store.erasure import BATCH, Erasure, Place
from angarium.platform.clock import SystemClock
from angarium.platform.loop import run_loop
from angarium.platform.telemetry.logging import make_logger
from tests.conformance.store.backends import TENANT, Backend, notification

CANARY = "canary@example.com"
USER = uuid4()
MANY = 3 * BATCH + 7


class _Slow(Erasure):
    """Takes a second of its clock for each piece, and notes where each began."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.engine, backend.clock)
        self.clock = backend.clock
        self.places: list[Place] = []

    async def piece(self, tenant: str, user_id: UUID, place: Place) -> tuple[Place | None, int]:
        self.places.append(place)
        done = await super().piece(tenant, user_id, place)
        await self.clock.advance(1)
        return done


@pytest.fixture(autouse=True)
async def none_before(backend: Backend) -> None:
    for table in ("erasures", "callbacks"):
        await backend.query(f"DELETE FROM {table}")  # noqa: S608 - ours


def _erasing(backend: Backend, erasure: Erasure | None = None) -> Erasing:
    erasure = erasure or _Slow(backend)
    return Erasing(backend.engine, erasure, backend.clock)


async def _theirs(backend: Backend, number: int = MANY) -> None:
    await backend.accept(*(notification(user_id=str(USER), variables=f'{{"name":"{CANARY}"}}') for _ in range(number)))


async def _left(backend: Backend) -> int:
    [row] = await backend.query("SELECT count(*) AS found FROM notifications WHERE status = 'pending'")
    return int(row["found"])


async def test_few_are_erased_in_the_call(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET", 10.0)
    await _theirs(backend, 3)
    passed = await _erasing(backend).ask(TENANT, USER)
    assert (passed.done, passed.under_way) == (True, 0)
    assert await _left(backend) == 0
    assert await backend.query("SELECT * FROM erasures") == []


async def test_many_are_erased_by_calls_that_each_go_on(backend: Backend) -> None:
    await _theirs(backend)
    slow = _Slow(backend)
    erasing = _erasing(backend, slow)
    calls: list[Pass] = []
    while not calls or not calls[-1].done:
        calls.append(await erasing.ask(TENANT, USER))
    assert len(calls) == 6  # events, letters, and four pieces of notifications
    assert len(set(slow.places)) == len(slow.places), "no piece is done twice"
    assert await _left(backend) == 0
    assert calls[-1].age >= 5


async def test_between_the_calls_it_goes_on(backend: Backend) -> None:
    await _theirs(backend)
    erasing = _erasing(backend)
    assert not (await erasing.ask(TENANT, USER)).done
    assert await erasing.once()
    assert await _left(backend) == 0
    assert not await erasing.once()
    told = await erasing.ask(TENANT, USER)
    assert told.done
    assert told.age >= 5


async def test_sends_under_way_in_any_batch_are_counted_at_the_end(backend: Backend) -> None:
    await backend.claimed(user_id=str(USER))
    await _theirs(backend)
    erasing = _erasing(backend)
    await erasing.ask(TENANT, USER)
    await erasing.once()
    assert (await erasing.ask(TENANT, USER)).under_way == 1


async def test_done_is_reported_once_and_the_next_call_starts_again(backend: Backend) -> None:
    erasing = _erasing(backend)
    await _theirs(backend, 1)
    await erasing.ask(TENANT, USER)
    await erasing.once()
    assert (await erasing.ask(TENANT, USER)).done
    await _theirs(backend, 1)
    assert not (await erasing.ask(TENANT, USER)).done
    await erasing.once()
    assert await _left(backend) == 0


async def test_one_that_stopped_is_gone_on_with_by_another_where_it_was(backend: Backend) -> None:
    class _Dies(_Slow):
        async def piece(self, tenant: str, user_id: UUID, place: Place) -> tuple[Place | None, int]:
            if len(self.places) == 3:
                raise ZeroDivisionError
            return await super().piece(tenant, user_id, place)

    await _theirs(backend)
    dying = _erasing(backend, _Dies(backend))
    await dying.ask(TENANT, USER)
    with pytest.raises(ZeroDivisionError):
        await dying.once()
    other = _Slow(backend)
    assert not await _erasing(backend, other).once(), "it may be at it still"
    await backend.clock.advance(LEASE.total_seconds() + 1)
    assert await _erasing(backend, other).once()
    assert other.places[0].at is not None
    assert await _left(backend) == 0


async def test_a_finished_erasure_that_is_not_asked_for_is_deleted(backend: Backend) -> None:
    erasing = _erasing(backend)
    await erasing.ask(TENANT, USER)
    await erasing.once()
    await backend.clock.advance((FORGOTTEN + timedelta(hours=1)).total_seconds())
    await erasing.once()
    assert await backend.query("SELECT * FROM erasures") == []


async def test_calls_at_once_begin_one_pass(backend: Backend) -> None:
    await _theirs(backend, 5)
    erasing = [_erasing(backend) for _ in range(4)]
    await asyncio.gather(*(one.ask(TENANT, USER) for one in erasing))
    while await erasing[0].once():
        pass
    assert await _left(backend) == 0


async def test_the_mailbox_receives_every_batch(backend: Backend) -> None:
    told: list[UUID] = []

    async def forget(ids: Sequence[UUID]) -> None:
        told.extend(ids)

    await _theirs(backend)
    await Erasure(backend.engine, backend.clock, elsewhere=(forget,)).erase(TENANT, USER)
    assert len(told) == len(set(told)) == MANY


_FIFTY_THOUSAND = """
INSERT INTO notifications (id, tenant, caller, request_id, fingerprint, channel, user_id, template_code,
    template_version, locale, priority, variables, metadata, policy, correlation_id, fallback, status, attempts, events,
    created_at, updated_at)
SELECT gen_random_uuid(), 'acme', 'shop', 'r-' || n, 'f', 'email', :user_id, 'welcome', 1, 'en', 5,
    '{"name": "canary@example.com"}', '{"to": "canary@example.com"}', 'at_least_once', 'c', '[]', 'sent', 1,
    '[{"event": "accepted", "at": "2026-11-20T09:00:00Z"}]', now() - n * interval '1 second', now()
FROM generate_series(1, 50000) n
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)], indirect=True
)
@pytest.mark.fault(59)
async def test_a_user_with_fifty_thousand_notifications_is_erased(backend: Backend) -> None:
    if backend.engine.dialect.name == "sqlite":
        return
    await backend.query(_FIFTY_THOUSAND, user_id=str(USER))
    clock = SystemClock()
    gateways = [Erasing(backend.engine, Erasure(backend.engine, clock), clock) for _ in range(2)]
    loops = [asyncio.create_task(run_loop(gateway, clock=clock, logger=make_logger("test"))) for gateway in gateways]
    calls = 0
    while True:
        calls += 1
        begun = time.monotonic()
        passed = await gateways[calls % 2].ask(TENANT, USER)
        assert time.monotonic() - begun < 2, "longer than the users service waits"
        if passed.done:
            break
        await asyncio.sleep(0.2)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    assert calls > 1
    [row] = await backend.query("SELECT count(*) AS found FROM notifications WHERE variables::text LIKE '%canary%'")
    assert row["found"] == 0
    [row] = await backend.query("SELECT count(*) AS found FROM notification_metadata")
    assert row["found"] == 0
