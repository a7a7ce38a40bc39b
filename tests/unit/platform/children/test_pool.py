"""Children under limits."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.platform.children.child import Child, ChildUnavailable
from angarium.platform.children.pool import IDLE_SECONDS, ChildFailed, ChildPool
from angarium.platform.clock import SystemClock
from tests.support.clock import ManualClock, settle
from tests.support.processes import runs
from tests.support.wait import until

pytestmark = pytest.mark.slow

MODULE = "tests.support.echo_child"


@pytest.fixture
async def pool() -> AsyncIterator[ChildPool]:
    pool = ChildPool(MODULE, SystemClock(), most_waiting=10)
    yield pool
    await pool.close()


async def pid(pool: ChildPool, key: str = "a") -> int:
    return int((await pool.ask(key, b"echo")).split()[0])


async def test_a_child_answers_and_is_used_again(pool: ChildPool) -> None:
    answer = await pool.ask("a", b"echo some words")
    assert answer.split()[1:] == [b"some", b"words"]
    assert await pid(pool) == int(answer.split()[0])


async def test_a_child_killed_from_outside_costs_no_job(pool: ChildPool, tmp_path: Path) -> None:
    assert await pool.ask("a", f"kill-once {tmp_path / 'killed'}".encode())
    os.kill(await pid(pool), signal.SIGKILL)
    assert await pool.ask("a", b"echo x")


async def test_an_unexpected_error_is_named_without_its_words(pool: ChildPool) -> None:
    with pytest.raises(ChildFailed, match="ZeroDivisionError"):
        await pool.ask("a", b"fail")


async def test_what_a_library_prints_is_no_answer(pool: ChildPool) -> None:
    assert (await pool.ask("a", b"print x")).endswith(b" x")


async def test_a_child_gets_no_secret(pool: ChildPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANGARIUM_SERVICE_TOKEN", "s" * 32)
    assert b"ANGARIUM" not in await pool.ask("a", b"environment")


async def test_a_module_that_does_not_start_is_unavailable() -> None:
    with pytest.raises(ChildUnavailable):
        await Child.start("tests.support.no_such_module")


async def test_a_cancelled_job_ends_its_child(pool: ChildPool) -> None:
    child = await pid(pool)
    task = asyncio.create_task(pool.ask("a", b"hang"))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(child)


async def test_an_idle_child_ends() -> None:
    clock = ManualClock()
    pool = ChildPool(MODULE, clock, most_waiting=10)
    child = await pid(pool)
    await clock.advance(IDLE_SECONDS - 1)
    assert await pid(pool) == child
    await clock.advance(IDLE_SECONDS + 1)
    await until(lambda: not runs(child))
    await pool.close()


async def test_closing_ends_the_children() -> None:
    pool = ChildPool(MODULE, SystemClock(), most_waiting=10)
    child = await pid(pool)
    await pool.close()
    assert not runs(child)
