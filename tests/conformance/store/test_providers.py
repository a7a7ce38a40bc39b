"""The shared state of providers: of many workers one opens a breaker, one sends the probe, one closes it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from angarium.contracts.providers import BreakerState, provider_id_of
from angarium.contracts.statuses import Channel
from angarium.notifications.providers.model import ALIVE, PROBE_LEASE, Configured, ProviderState, Report
from angarium.notifications.providers.store import FORGOTTEN, ProviderStore
from tests.conformance.store.backends import Backend

PAUSES = (timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20))
A, B = provider_id_of(Channel.EMAIL, "a"), provider_id_of(Channel.EMAIL, "b")
WORKERS = [f"host:{number}" for number in range(5)]


def configured(name: str = "a", **fields: object) -> Configured:
    values: dict[str, object] = {
        "provider_id": provider_id_of(Channel.EMAIL, name),
        "channel": Channel.EMAIL,
        "name": name,
        "scheme": "smtp",
        "position": 1,
        "weight": None,
        "rate": None,
    }
    return Configured(**{**values, **fields})  # type: ignore[arg-type]


def report(
    provider_id: UUID = A, answers: int = 0, faults: int = 0, in_a_row: int = 0, *, busy: bool = False
) -> Report:
    return Report(provider_id, answers, faults, in_a_row, busy)


class Shared:
    """The store of a backend, with short forms."""

    def __init__(self, backend: Backend) -> None:
        self.store = ProviderStore(backend.engine, backend.clock)
        self._backend = backend

    async def pass_time(self, duration: timedelta) -> None:
        await self._backend.pass_time(duration)

    async def state(self, worker: str = WORKERS[0], *reports: Report) -> ProviderState:
        await self.store.report(worker, reports or [report()])
        [state] = await self.store.states(worker, [A])
        return state

    async def opened(self) -> None:
        assert await self.store.open(A, reason="down", pauses=PAUSES)

    async def probing(self, worker: str = WORKERS[0]) -> None:
        assert await self.store.take_probe(A, worker)


@pytest.fixture
async def shared(backend: Backend) -> Shared:
    shared = Shared(backend)
    await shared.store.register([configured()])
    return shared


def _true(answers: Sequence[bool]) -> int:
    return sum(answers)


async def test_a_new_provider_is_closed(shared: Shared) -> None:
    state = await shared.state()
    assert (state.breaker, state.forced, state.probe_due) == (BreakerState.CLOSED, False, False)


async def test_registering_again_changes_the_settings_and_not_the_breaker(shared: Shared) -> None:
    await shared.opened()
    await shared.store.register([configured(position=2, rate=50.0, weight=3)])
    [standing] = await shared.store.standings()
    assert (standing.configured.position, standing.configured.rate, standing.configured.weight) == (2, 50.0, 3)
    assert (standing.breaker, standing.reason) == (BreakerState.OPEN, "down")


async def test_an_unregistered_provider_has_no_state(shared: Shared) -> None:
    assert [state.provider_id for state in await shared.store.states("w", [A, B])] == [A]


async def test_each_worker_sees_the_sum_of_the_others(shared: Shared) -> None:
    await shared.state(WORKERS[0], report(A, 10, 4, 1, busy=True))
    await shared.state(WORKERS[1], report(A, 5, 5, 2, busy=True))
    state = await shared.state(WORKERS[2], report(A, 100, 0, 0))
    assert (state.answers, state.faults, state.in_a_row) == (15, 9, 3)
    assert (state.workers, state.busy) == (3, 2)
    [standing] = await shared.store.standings()
    assert (standing.answers, standing.faults, standing.workers) == (115, 9, 3)


async def test_a_worker_that_stopped_reporting_does_not_count(shared: Shared) -> None:
    await shared.state(WORKERS[0], report(A, 10, 10))
    await shared.pass_time(ALIVE + timedelta(seconds=1))
    state = await shared.state(WORKERS[1])
    assert (state.answers, state.workers) == (0, 1)


async def test_a_worker_that_leaves_takes_its_counts_and_its_probe_along(shared: Shared) -> None:
    await shared.state(WORKERS[0], report(A, 10, 10))
    await shared.opened()
    await shared.pass_time(PAUSES[0])
    await shared.probing(WORKERS[0])
    await shared.store.leave(WORKERS[0])
    state = await shared.state(WORKERS[1])
    assert (state.answers, state.workers, state.probe_due) == (0, 1, True)


async def test_of_many_workers_one_opens(shared: Shared) -> None:
    opened = await asyncio.gather(*(shared.store.open(A, reason="down", pauses=PAUSES) for _ in WORKERS))
    assert _true(opened) == 1
    assert (await shared.state()).breaker is BreakerState.OPEN


async def test_opening_clears_what_was_counted_before(shared: Shared) -> None:
    await shared.state(WORKERS[0], report(A, 30, 30, 5))
    await shared.opened()
    state = await shared.state(WORKERS[1])
    assert (state.answers, state.faults, state.in_a_row) == (0, 0, 0)


async def test_of_many_workers_one_probes_and_only_after_the_pause(shared: Shared) -> None:
    await shared.opened()
    assert not await shared.store.take_probe(A, WORKERS[0])
    await shared.pass_time(PAUSES[0])
    assert (await shared.state()).probe_due
    taken = await asyncio.gather(*(shared.store.take_probe(A, worker) for worker in WORKERS))
    assert _true(taken) == 1
    state = await shared.state()
    assert (state.breaker, state.probe_due) == (BreakerState.HALF_OPEN, False)


async def test_only_the_probing_worker_closes(shared: Shared) -> None:
    await shared.opened()
    await shared.pass_time(PAUSES[0])
    await shared.probing(WORKERS[0])
    assert not await shared.store.close(A, WORKERS[1])
    assert await shared.store.close(A, WORKERS[0])
    assert (await shared.state()).breaker is BreakerState.CLOSED


async def test_a_probe_without_an_outcome_goes_to_another_worker(shared: Shared) -> None:
    await shared.opened()
    await shared.pass_time(PAUSES[0])
    await shared.probing(WORKERS[0])
    await shared.pass_time(PROBE_LEASE)
    assert await shared.store.take_probe(A, WORKERS[1])
    assert not await shared.store.close(A, WORKERS[0])


async def test_pauses_grow_with_each_failed_probe_and_reset_after_a_success(shared: Shared) -> None:
    await shared.opened()
    for pause in (*PAUSES, PAUSES[-1]):
        await shared.pass_time(pause - timedelta(seconds=1))
        assert not await shared.store.take_probe(A, WORKERS[0])
        await shared.pass_time(timedelta(seconds=1))
        await shared.probing(WORKERS[0])
        assert await shared.store.open(A, reason="still down", pauses=PAUSES, worker=WORKERS[0])
    await shared.pass_time(PAUSES[-1])
    await shared.probing(WORKERS[0])
    assert await shared.store.close(A, WORKERS[0])
    await shared.opened()
    await shared.pass_time(PAUSES[0])
    await shared.probing(WORKERS[0])


async def test_it_is_open_since_it_opened_first_however_many_probes_failed(shared: Shared) -> None:
    await shared.opened()
    [first] = await shared.store.standings()
    assert first.opened_at == first.changed_at
    assert first.opened_at is not None
    assert first.probe_at == first.opened_at + PAUSES[0]
    for pause in PAUSES[:2]:
        await shared.pass_time(pause)
        await shared.probing()
        assert await shared.store.open(A, reason="still down", pauses=PAUSES, worker=WORKERS[0])
    [later] = await shared.store.standings()
    assert later.opened_at is not None
    assert later.changed_at is not None
    assert later.changed_at - later.opened_at >= PAUSES[0] + PAUSES[1]
    await shared.pass_time(PAUSES[2])
    await shared.probing()
    assert await shared.store.close(A, WORKERS[0])
    [closed] = await shared.store.standings()
    assert (closed.opened_at, closed.probe_at) == (None, None)


async def test_an_operator_has_the_last_word(shared: Shared) -> None:
    before = await shared.store.force(A, BreakerState.OPEN)
    assert before is not None
    assert (before.breaker, before.forced) == (BreakerState.CLOSED, False)
    await shared.pass_time(timedelta(hours=1))
    state = await shared.state()
    assert (state.breaker, state.forced, state.probe_due) == (BreakerState.OPEN, True, False)
    assert not await shared.store.take_probe(A, WORKERS[0])
    await shared.store.force(A, BreakerState.CLOSED)
    assert not await shared.store.open(A, reason="down", pauses=PAUSES)
    assert (await shared.state()).breaker is BreakerState.CLOSED
    await shared.store.force(A, None)
    await shared.opened()


async def test_forcing_an_unknown_provider_changes_nothing(shared: Shared) -> None:
    assert await shared.store.force(B, BreakerState.OPEN) is None


async def test_providers_are_listed_by_channel_and_position_and_forgotten_after_a_day(shared: Shared) -> None:
    await shared.store.register([configured("b", position=2), configured("c", position=3)])
    assert [standing.configured.name for standing in await shared.store.standings()] == ["a", "b", "c"]
    await shared.pass_time(FORGOTTEN)
    await shared.store.report(WORKERS[0], [report(B)])
    assert [standing.configured.name for standing in await shared.store.standings()] == ["b"]


async def test_workers_that_start_together_register_one_provider(backend: Backend) -> None:
    stores = [ProviderStore(backend.engine, backend.clock) for _ in WORKERS]
    await asyncio.gather(*(store.register([configured("x")]) for store in stores), return_exceptions=True)
    assert [standing.configured.name for standing in await stores[0].standings()] == ["x"]
