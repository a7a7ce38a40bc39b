"""One timer for many deadlines."""

import asyncio

import pytest

from angarium.channels.email.providers.smtp.deadline import Deadline


async def _forever() -> None:
    await asyncio.Event().wait()


async def _answer(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def test_what_is_in_time_has_its_result() -> None:
    assert await Deadline(5).bound(_answer(0)) == 0


async def test_each_has_its_own_time() -> None:
    deadline = Deadline(0.1)
    loop = asyncio.get_running_loop()
    seconds: list[float] = []

    async def late(wait: float) -> None:
        await asyncio.sleep(wait)
        start = loop.time()
        with pytest.raises(TimeoutError):
            await deadline.bound(_forever())
        seconds.append(loop.time() - start)

    await asyncio.gather(late(0), late(0.03), late(0.06), deadline.bound(_answer(0.05)))
    await late(0)
    assert len(seconds) == 4
    assert all(0.09 < took < 0.5 for took in seconds)


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(Deadline(0.05).bound(_forever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    assert task.cancelled()


async def test_a_task_outlives_its_deadline() -> None:
    deadline = Deadline(0.02)

    async def twice() -> int:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await deadline.bound(_forever())
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert await asyncio.create_task(twice()) == 0


async def test_an_error_is_passed_on() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await Deadline(5).bound(fail())


async def test_an_error_that_answers_the_cancellation_is_passed_on() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("instead") from None

    with pytest.raises(ValueError, match="instead"):
        await Deadline(0.02).bound(stubborn())
