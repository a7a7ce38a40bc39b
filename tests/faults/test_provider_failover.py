"""Three workers fail over from one provider to another, return to the first, and share a rate."""

import asyncio
import time
from collections.abc import Sequence
from math import exp2, log

import pytest

from angarium.delivery.breakers.pace import RAMP_DOUBLES, RAMP_START
from angarium.testing.smtp.script import Received
from tests.faults.changing import query
from tests.faults.conftest import CONCURRENCY
from tests.faults.two_providers import WORKERS, Two, by_the_second, most_in_a_second, two_providers
from tests.support.fault_table import note
from tests.support.system import DistributedSystem

pytestmark = pytest.mark.distributed

BACKLOG = 5000
RATE = 100
PACE, PACED = 200, 10_000
TOLERANCE = 1.05
SLOW = {"WORKER_CONCURRENCY": "64", "WORKER_PREFETCH": "256", "FAILOVER_AFTER": "5s"}


@pytest.mark.fault(33)
async def test_the_next_provider_sends_while_the_first_is_down(system: DistributedSystem) -> None:
    async with two_providers(system) as two:
        await two.door.refuse()
        await two.load.send_bulk(300)
        await two.start()
        await two.load.all_sent(within=60)
        assert not two.by_first
        await two.door.accept()
        await _sending_until_closed(two)
        await two.load.send_bulk(100)
        await two.load.all_sent(within=60)
        await two.judge()
        _opened_once(two)
        _ramped(two)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.fault(33)
@pytest.mark.parametrize("trouble", [False, True], ids=["", "with a kill and a flush"])
async def test_a_backlog_fails_over_and_returns_at_the_configured_rate(
    system: DistributedSystem, *, trouble: bool
) -> None:
    async with two_providers(system, first=f"&rate={RATE}/s", second=f"&rate={RATE}/s") as two:
        await two.door.refuse()
        await two.load.send_bulk(BACKLOG)
        await two.start()
        await two.breaker_is("open")
        await two.second_received(BACKLOG // 20)
        if trouble:
            await system.kill(two.workers[-1])
            await system.redis.flush()
        await two.second_received(BACKLOG // 5)
        assert not two.by_first
        await two.door.accept()
        await two.load.all_sent(within=180)
        await two.judge(window=CONCURRENCY if trouble else 0)
        _opened_once(two)
        _ramped(two)
        note(f"the first provider sent {len(two.by_first):,} of {BACKLOG:,} after its return")
        _paced("first", two.by_first, RATE)
        _paced("second", two.second.received, RATE)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.fault(33, 42)
async def test_a_slow_provider_is_not_failed_over(system: DistributedSystem) -> None:
    system.sink.slow_down(1.0)
    async with two_providers(system, first="&pool=64", settings=SLOW) as two:
        await two.load.send_bulk(BACKLOG)
        started = time.monotonic()
        await two.start()
        await two.load.all_sent(within=180)
        seconds = time.monotonic() - started
        await two.judge()
        assert not two.said("breaker.opened")
        assert not two.second.received
        assert await _attempts(two) == BACKLOG
        note(f"a provider that needs 1 s per mail sent {BACKLOG:,} in {seconds:.0f} s, the other one none")


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.fault(33)
async def test_three_workers_share_one_rate(system: DistributedSystem) -> None:
    async with two_providers(system, first=f"&rate={PACE}/s") as two:
        await two.load.send_bulk(PACED)
        await two.start()
        await two.load.all_sent(within=PACED / PACE * 2)
        await two.judge()
        assert len(two.by_first) == PACED
        seconds = _paced("only", two.by_first, PACE)
        mean = sum(seconds[:-1]) / len(seconds[:-1])
        note(f"{WORKERS} workers sent {PACED:,}, {mean:.0f}/s on average")
        assert mean >= PACE * 0.9


def _paced(which: str, mails: Sequence[Received], rate: int) -> Sequence[int]:
    """Assert that after the first second no second has over 105 % of the rate. Return the mails of each second."""
    seconds = by_the_second(mails)
    most = f"{max(seconds)} per second of the run, {most_in_a_second(mails)} in any period of one second"
    note(f"{which} provider at {rate}/s: at most {most}")
    assert max(seconds) <= rate * TOLERANCE, seconds
    return seconds


async def _sending_until_closed(two: Two) -> None:
    """Send until the breaker closes: it sends a probe only if there is a message to send."""
    stop = asyncio.Event()
    sending = asyncio.create_task(two.load.insist(stop, pause=0.05))
    try:
        await two.breaker_is("closed")
    finally:
        stop.set()
        await sending


def _opened_once(two: Two) -> None:
    """Assert that the shared breaker opened once, that then only probes failed, and that one probe closed it."""
    opened, probes, closed = (len(two.said(f"breaker.{event}")) for event in ("opened", "probes", "closed"))
    assert (opened - 1, closed) == (probes - 1, 1), f"opened {opened}, probes {probes}, closed {closed}"
    note(f"opened once, {probes - 1} probes failed, one closed it")


def _ramped(two: Two) -> None:
    """Assert that after its return the provider never received more than the ramps of all workers allow."""
    moments = sorted(mail.at for mail in two.by_first)
    allowed = [_most_by(moment - moments[0]) for moment in moments]
    over = [(count, most) for count, most in enumerate(allowed, 1) if count > most]
    assert not over, f"more than the ramps allow: {over[:5]}"


def _most_by(seconds: float) -> float:
    """The maximum number of mails: the integral of the ramps, one first send per worker, and one probe."""
    ramp = RAMP_START * RAMP_DOUBLES / log(2) * (exp2(seconds / RAMP_DOUBLES) - 1.0)
    return 1.0 + WORKERS * (1.0 + ramp)


async def _attempts(two: Two) -> int:
    statement = "SELECT sum(attempts) AS tried FROM notifications WHERE template_code = $1"
    [found] = await query(two.system, statement, two.load.code)
    return int(found["tried"])
