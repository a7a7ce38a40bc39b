"""A broker that takes no publishes (a memory or disk alarm) while it still delivers and takes acknowledgements."""

from collections.abc import Sequence

import pytest

from angarium.contracts.statuses import Status
from angarium.delivery.composition import PARKING_PART
from angarium.platform.broker.port import Late, Outgoing
from tests.support.virtual_engine import VirtualBench, virtual_engine

pytestmark = pytest.mark.slow

TIMEOUT = 10.0


class Alarm:
    """Lets every publish of an engine wait for its timeout and then refuses it, while it is on."""

    def __init__(self, bench: VirtualBench) -> None:
        self.on = True
        self._clock = bench.clock
        self._publish = bench.broker.publish
        bench.broker.publish = self.publish  # type: ignore[method-assign]

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        if not self.on:
            return await self._publish(messages)
        await self._clock.sleep(TIMEOUT)
        return [False] * len(messages)


@pytest.mark.fault(52)
async def test_sends_go_on_while_one_in_twenty_needs_a_retry() -> None:
    async with virtual_engine() as bench:
        made = await bench.publish("email", 4_000)
        bench.provider.refused.update(made[::20])
        Alarm(bench)
        await bench.clock.advance(30)
        assert bench.sent(made) == 3_800


async def test_a_retry_that_cannot_be_parked_is_left_to_the_record_once_too_many_wait() -> None:
    async with virtual_engine(concurrency=8, prefetch=16) as bench:
        made = await bench.publish("email", 400)
        bench.provider.refused.update(made[:200])
        Alarm(bench)
        await bench.clock.advance(120)
        assert bench.sent(made[200:]) == 200, "messages that cannot be parked hold no place of others"
        assert bench.store.count(Status.RETRYING) + bench.store.count(Status.FAILED) == 200
        assert bench.store.count(Status.RETRYING) > 100, "the record still has them"


async def test_after_the_alarm_retries_are_sent_without_a_restart() -> None:
    async with virtual_engine(prefetch=160) as bench:
        made = await bench.publish("email", 160 // PARKING_PART)
        bench.provider.refused.update(made)
        alarm = Alarm(bench)
        await bench.clock.advance(5)
        assert bench.engine._slots.in_use == 0, "a result that is recorded holds no slot"
        alarm.on = False
        bench.provider.refused.clear()
        await bench.clock.advance(30)
        assert bench.sent(made) == 40


async def test_a_dead_letter_is_acknowledged_before_it_is_published() -> None:
    async with virtual_engine(concurrency=8, prefetch=16) as bench:
        made = await bench.publish("email", 200, template_code="gone")
        Alarm(bench)
        await bench.clock.advance(5)
        assert bench.store.count(Status.FAILED) == len(made)
