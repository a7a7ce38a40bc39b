"""Lanes take nothing while nothing can be sent: no message is claimed repeatedly without effect."""

from uuid import uuid4

import pytest

from angarium.contracts.errors import RateLimited
from angarium.contracts.statuses import Channel
from angarium.delivery.away import BEFORE_A_PAUSE, LONGEST_PAUSE, PROBE, LanePause
from angarium.delivery.breakers.breaker import MISCONFIGURED
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.outcome import Configuration
from angarium.delivery.routing import Route, Router
from tests.support.clock import ManualClock
from tests.support.delivering import TEMPLATE, ScriptedProvider
from tests.support.virtual_engine import VirtualBench, virtual_engine

pytestmark = pytest.mark.slow

HOUR = 3600
LANES = ["email", "email.urgent", "email.light"]


async def for_users(bench: VirtualBench, count: int) -> list[object]:
    """Notifications of one stored user, in every lane."""
    user_id = uuid4()
    bench.directory.add_user(user_id)
    return [id_ for lane in LANES for id_ in await bench.publish(lane, count, user_id=str(user_id))]


@pytest.mark.fault(47)
async def test_an_outage_of_the_directory_costs_a_few_claims_with_a_long_queue_too() -> None:
    async with virtual_engine() as bench:
        bench.directory.down = True
        made = await for_users(bench, 1_000)
        await bench.clock.advance(600)
        probes = len(LANES) * PROBE * 600 / LONGEST_PAUSE
        assert bench.store.claims < 2 * BEFORE_A_PAUSE + 600 + 1.5 * probes
        bench.directory.down = False
        await bench.clock.advance(LONGEST_PAUSE + 31 + 3_000 / 128)
        assert bench.sent(made) == len(made)  # type: ignore[arg-type]  # ids


async def test_what_needs_no_directory_goes_on_beside_what_waits_for_it() -> None:
    async with virtual_engine() as bench:
        bench.directory.down = True
        template = bench.directory.templates["welcome"]
        user_id = uuid4()

        async def current_templates(*_: object) -> object:
            return template

        bench.directory.version = current_templates  # type: ignore[method-assign,assignment]
        waiting = await bench.publish("email", 30, user_id=str(user_id))
        direct = await bench.publish("email", 200)
        await bench.clock.advance(5)
        assert bench.sent(direct) == 200
        assert bench.sent(waiting) == 0


@pytest.mark.fault(47)
async def test_while_every_provider_is_paused_no_message_is_claimed() -> None:
    async with virtual_engine() as bench:
        bench.provider.misconfigured = True
        made = await bench.publish("email", 1_000)
        pause = MISCONFIGURED[0].total_seconds()
        await bench.clock.advance(pause - 1)
        first = bench.store.claims
        assert first <= 3 * 128
        await bench.clock.advance(10 * pause)
        assert bench.store.claims <= 12 * first, "one round of slots for each pause"
        bench.provider.misconfigured = False
        await bench.clock.advance(3 * pause)
        assert bench.sent(made) == 1_000


async def test_a_slow_rendering_that_gets_no_turn_waits_without_a_slot_and_without_an_attempt() -> None:
    async with virtual_engine() as bench:
        renderer = bench.engine._preparation._renderer
        rendered = renderer.render(TEMPLATE, Channel.EMAIL, "en", {"name": "Ann"})
        turns = iter([False, False, True])

        async def patient(*_: object) -> object:
            if not next(turns):
                raise RateLimited
            return rendered

        renderer.quick = lambda *_: None  # type: ignore[method-assign]
        renderer.patient = patient  # type: ignore[method-assign,assignment]
        [made] = await bench.publish("email")
        await bench.clock.advance(5)
        assert bench.engine._slots.in_use == 0
        await bench.clock.advance(25)
        assert bench.sent([made]) == 1
        assert bench.store.rows[made].attempt == 1


async def test_a_pause_grows_and_ends_with_the_first_batch_that_can_be_sent() -> None:
    clock = ManualClock()
    pause = LanePause(clock)
    pause.prepared(BEFORE_A_PAUSE - 1, in_vain=True)
    assert (pause.seconds, pause.most(500)) == (0, 500)
    lengths = []
    for _ in range(5):
        pause.prepared(PROBE, in_vain=True)
        lengths.append(pause.seconds)
        await clock.advance(pause.seconds)
        assert pause.seconds == 0
        assert pause.most(500) == PROBE
    assert lengths == [1, 2, 4, LONGEST_PAUSE, LONGEST_PAUSE]
    pause.prepared(1, in_vain=False)
    assert (pause.seconds, pause.most(500)) == (0, 500)


async def test_a_router_tells_while_every_breaker_is_open() -> None:
    clock = ManualClock()
    first, second = (
        Route(provider=ScriptedProvider(), name=name, breaker=LocalBreaker(clock)) for name in ("one", "two")
    )
    router = Router([first, second], clock)
    first.breaker.answered(Configuration("535 no"), probe=False)
    assert router.paused_for() == 0
    second.breaker.answered(Configuration("535 no"), probe=False)
    assert router.paused_for() > 0
    await clock.advance(MISCONFIGURED[0].total_seconds())
    assert router.paused_for() == 0, "a probe is due"
