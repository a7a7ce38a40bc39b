"""Which provider takes an attempt: by order, by weight, past open breakers, and within a bounded wait."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from angarium.contracts.providers import BreakerState
from angarium.delivery.breakers.breaker import CONNECTIONS_IN_A_ROW, PAUSES
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.outcome import Retry, Sent
from angarium.delivery.provider import Address
from angarium.delivery.routing import Route, Router
from tests.support.clock import ManualClock
from tests.support.delivering import ScriptedProvider, delivering
from tests.support.wait import until

TO = Address("ann@example.com")
UNREACHABLE = Retry("cannot connect", unreachable=True)


def router_of(*names: str, weights: tuple[int | None, ...] = (), clock: ManualClock | None = None) -> Router:
    clock = clock or ManualClock()
    weights = weights or (None,) * len(names)
    return Router(
        [
            Route(provider=ScriptedProvider(), name=name, breaker=LocalBreaker(clock), weight=weight)
            for name, weight in zip(names, weights, strict=True)
        ],
        clock,
    )


def chosen(router: Router, attempt: int = 1, key: UUID | None = None) -> str | None:
    route = router.choose(attempt, TO, key=key or UUID(int=7))
    return None if route is None else route.name


def trip(route: Route) -> None:
    for _ in range(CONNECTIONS_IN_A_ROW):
        route.breaker.answered(UNREACHABLE, probe=False)


def test_each_attempt_takes_the_next_provider() -> None:
    router = router_of("a", "b", "c")
    assert [chosen(router, attempt) for attempt in range(1, 8)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_an_open_breaker_is_passed_over() -> None:
    router = router_of("a", "b", "c")
    trip(router.routes[0])
    assert [chosen(router, attempt) for attempt in (1, 2, 3, 4)] == ["b", "b", "c", "b"]
    trip(router.routes[1])
    trip(router.routes[2])
    assert chosen(router) is None


async def test_after_its_pause_one_message_is_the_probe() -> None:
    clock = ManualClock()
    router = router_of("a", "b", clock=clock)
    trip(router.routes[0])
    await clock.advance(PAUSES[0].total_seconds())
    assert chosen(router) == "a"
    assert router.routes[0].breaker.begin()
    assert chosen(router) == "b"


async def test_a_provider_that_has_come_back_is_met_slowly() -> None:
    clock = ManualClock()
    router = router_of("a", "b", clock=clock)
    trip(router.routes[0])
    await clock.advance(PAUSES[0].total_seconds())
    assert chosen(router) == "a"
    router.routes[0].breaker.answered(Sent("250"), probe=router.routes[0].breaker.begin())
    taken: Counter[str | None] = Counter()
    for _ in range(100):
        name = chosen(router)
        taken[name] += 1
        if name == "a":
            await router.routes[0].breaker.pace.turn()
        await clock.advance(0.01)
    assert 5 <= taken["a"] <= 10
    assert taken["b"] == 100 - taken["a"]


async def test_the_only_provider_is_waited_for_when_it_has_come_back() -> None:
    clock = ManualClock()
    router = router_of("a", clock=clock)
    trip(router.routes[0])
    assert chosen(router) is None
    await clock.advance(PAUSES[0].total_seconds())
    assert chosen(router) == "a"
    router.routes[0].breaker.answered(Sent("250"), probe=router.routes[0].breaker.begin())
    await router.routes[0].breaker.pace.turn()
    assert chosen(router) == "a"


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (90, 10), (5, None)])
def test_weights_share_out_the_first_attempts(weights: tuple[int | None, ...]) -> None:
    router = router_of("a", "b", weights=weights)
    count = 4000
    taken = Counter(chosen(router, key=uuid4()) for _ in range(count))
    first, second = (weight or 1 for weight in weights)
    assert taken["a"] / count == pytest.approx(first / (first + second), abs=0.04)


def test_with_weights_the_attempts_of_one_notification_still_go_round() -> None:
    router = router_of("a", "b", "c", weights=(1, 2, 3))
    for _ in range(50):
        key = uuid4()
        turns = [chosen(router, attempt, key) for attempt in range(1, 7)]
        assert sorted(turns[:3], key=str) == ["a", "b", "c"]
        assert turns[:3] == turns[3:]


async def test_a_provider_that_takes_no_message_in_time_is_passed_over(tmp_path: Path) -> None:
    other = ScriptedProvider(name="other")
    async with delivering(tmp_path, others=[other], failover_after=timedelta(milliseconds=50)) as bench:
        bench.provider.pool = asyncio.Semaphore(0)
        made = await bench.accept(5)
        for one in made:
            await bench.ends_as(one, "sent")
        assert len(other.received) == 5
        assert not bench.provider.received


async def test_messages_that_waited_when_the_breaker_opened_go_to_another_provider(tmp_path: Path) -> None:
    other = ScriptedProvider(name="other")
    async with delivering(tmp_path, others=[other]) as bench:
        bench.provider.pool = asyncio.Semaphore(0)
        made = await bench.accept(5)
        await until(lambda: bench.provider.waiting == 5)
        for _ in range(CONNECTIONS_IN_A_ROW):
            bench.router.routes[0].breaker.answered(UNREACHABLE, probe=False)
        assert bench.router.routes[0].breaker.state is BreakerState.OPEN
        bench.provider.pool.release()
        for one in made:
            await bench.ends_as(one, "sent")
        assert {message.attempt for message in other.received} == {1}
        assert not bench.provider.received
