"""A row that another transaction holds locked stops no other: neither claims nor results."""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.statuses import Status
from angarium.delivery.claiming import LOCKED_WAIT
from angarium.notifications.store.port import RowsLocked
from tests.support.virtual_engine import VirtualBench, virtual_engine

pytestmark = pytest.mark.slow

LOCK_TIMEOUT = 4.0


class Locks:
    """Rows of a bench's store that another transaction holds: each call that needs one ends after its timeout."""

    def __init__(self, bench: VirtualBench, step: str, ids: Callable[[Any], Collection[UUID]]) -> None:
        self.rows: set[UUID] = set()
        self._clock = bench.clock
        self._ids = ids
        self._call = getattr(bench.store, step)
        setattr(bench.store, step, self._guarded)

    async def _guarded(self, batch: Sequence[Any], **kwargs: Any) -> Any:
        if self.rows.intersection(self._ids(batch)):
            await self._clock.sleep(LOCK_TIMEOUT)
            raise RowsLocked
        return await self._call(batch, **kwargs)


@pytest.mark.fault(57)
async def test_a_locked_row_holds_up_no_other_result() -> None:
    async with virtual_engine(concurrency=16) as bench:
        made = await bench.publish("email", 100)
        locks = Locks(bench, "record", lambda results: [result.id for result in results])
        locks.rows = {made[0], made[30]}
        await bench.clock.advance(20)
        assert bench.sent(made) == 98
        locks.rows.clear()
        await bench.clock.advance(8)
        assert bench.sent(made) == 100
        assert [bench.store.rows[id_].attempt for id_ in made] == [1] * 100
        assert bench.engine._slots.in_use == 0


@pytest.mark.fault(57)
async def test_a_locked_row_holds_up_no_other_claim() -> None:
    async with virtual_engine(concurrency=16) as bench:
        locks = Locks(bench, "claim", lambda ids: ids)
        made = await bench.publish("email", 100)
        locks.rows = {made[0], made[30]}
        await bench.clock.advance(20)
        assert bench.sent(made) == 98
        assert bench.store.rows[made[0]].status is Status.PENDING
        locks.rows.clear()
        await bench.clock.advance(2 * LOCKED_WAIT.total_seconds())
        assert bench.sent(made) == 100
