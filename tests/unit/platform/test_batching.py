import asyncio
from collections.abc import Sequence

import pytest

from angarium.contracts.errors import Transient
from angarium.platform.batching import GroupCommit, Overdue
from tests.support.clock import settle


class Recorded:
    """A flush that waits to be let go, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        return [item * 10 for item in items]


async def test_a_lonely_item_is_flushed_at_once() -> None:
    recorded = Recorded()
    recorded.gate.set()
    commit = GroupCommit(recorded.flush)
    assert await commit.submit(1) == 10
    assert recorded.batches == [[1]]


async def test_what_waits_while_a_flush_runs_goes_in_one_batch() -> None:
    recorded = Recorded()
    commit = GroupCommit(recorded.flush, flushers=1)
    tasks = [asyncio.create_task(commit.submit(0))]
    await settle()
    tasks += [asyncio.create_task(commit.submit(n)) for n in range(1, 50)]
    await settle()
    recorded.gate.set()
    assert await asyncio.gather(*tasks) == [n * 10 for n in range(50)]
    assert [len(batch) for batch in recorded.batches] == [1, 49]


async def test_a_batch_has_a_limit() -> None:
    recorded = Recorded()
    recorded.gate.set()
    commit = GroupCommit(recorded.flush, limit=7, flushers=2)
    assert await commit.submit_many(list(range(40))) == [n * 10 for n in range(40)]
    assert max(len(batch) for batch in recorded.batches) == 7


async def test_a_bad_item_fails_alone() -> None:
    async def flush(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        if 3 in items:
            raise ValueError("three")
        return list(items)

    commit = GroupCommit(flush, flushers=1)
    results = await asyncio.gather(*(commit.submit(n) for n in range(6)), return_exceptions=True)
    assert [r for r in results if not isinstance(r, BaseException)] == [0, 1, 2, 4, 5]
    assert isinstance(results[3], ValueError)


async def test_an_unavailable_dependency_fails_the_batch_without_asking_again() -> None:
    calls = 0

    async def flush(_: Sequence[int]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        raise Transient

    commit = GroupCommit(flush, flushers=1)
    results = await asyncio.gather(*(commit.submit(n) for n in range(10)), return_exceptions=True)
    assert all(isinstance(r, Transient) for r in results)
    assert calls == 1


async def test_a_caller_that_leaves_takes_no_item_along() -> None:
    recorded = Recorded()
    commit = GroupCommit(recorded.flush, flushers=1)
    leaving = asyncio.create_task(commit.submit(1))
    staying = asyncio.create_task(commit.submit(2))
    await settle()
    leaving.cancel()
    recorded.gate.set()
    assert await staying == 20
    await commit.drain()
    assert sorted(n for batch in recorded.batches for n in batch) == [1, 2]
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_flush_that_takes_too_long_releases_everyone_and_refuses_newcomers() -> None:
    gate = asyncio.Event()

    async def flush(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return items

    commit = GroupCommit(flush, limit=2, flushers=1, patience=0.05)
    waiting = [asyncio.create_task(commit.submit(n)) for n in range(5)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {Overdue}
    with pytest.raises(Overdue):
        await commit.submit(6)
    with pytest.raises(Overdue):
        await commit.submit_many([7, 8])
    gate.set()
    await commit.drain()
    assert await commit.submit(9) == 9


async def test_newcomers_are_refused_while_the_oldest_waits_too_long() -> None:
    """Each flush is quick enough, but too much waits for the next ones."""

    async def flush(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.2)
        return items

    commit = GroupCommit(flush, limit=1, flushers=1, patience=0.3)
    waiting = [asyncio.create_task(commit.submit(n)) for n in range(5)]
    await asyncio.sleep(0.5)
    with pytest.raises(Overdue):
        await commit.submit(6)
    assert await asyncio.gather(*waiting) == list(range(5))
    assert await commit.submit(7) == 7
