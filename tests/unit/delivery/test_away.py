"""While users or templates cannot say what sends need, the queue is checked with increasing delays."""

from datetime import timedelta

import pytest

from angarium.delivery.away import Away
from angarium.notifications.model import Result
from tests.support.clock import ManualClock
from tests.support.virtual_engine import virtual_engine


async def test_waits_grow_with_the_outage_and_reset_after_it() -> None:
    clock = ManualClock()
    away = Away(clock)
    waits = []
    while clock.monotonic() < 200:
        waits.append(away.wait().total_seconds())
        await clock.advance(waits[-1])
    assert waits[:2] == [2, 2]
    assert waits == sorted(waits)
    assert waits[-1] == 30
    away.over()
    assert away.wait() == timedelta(seconds=2)


async def test_many_waits_at_once_are_all_the_first() -> None:
    away = Away(ManualClock())
    assert {away.wait() for _ in range(100)} == {timedelta(seconds=2)}


@pytest.mark.fault(47)
async def test_an_outage_costs_few_claims_and_its_end_is_noticed_within_half_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with virtual_engine() as bench:
        records: list[Result] = []
        record = bench.store._record

        def counted(result: Result) -> bool:
            records.append(result)
            return record(result)

        monkeypatch.setattr(bench.store, "_record", counted)
        bench.directory.down = True
        made = await bench.publish("email")
        await bench.clock.advance(600)
        assert len(records) < 35  # every two seconds it would be 300
        bench.directory.down = False
        await bench.clock.advance(31)
        assert bench.sent(made) == 1
