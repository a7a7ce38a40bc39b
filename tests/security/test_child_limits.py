"""A child that does heavy work ends at its limits, and with its parent."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.platform.children.pool import ChildPool, OverLimits
from angarium.platform.clock import SystemClock
from tests.support.clock import settle
from tests.support.processes import runs
from tests.support.wait import until

MODULE = "tests.support.echo_child"
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def pool() -> AsyncIterator[ChildPool]:
    pool = ChildPool(MODULE, SystemClock(), most_waiting=10)
    yield pool
    await pool.close()


@pytest.mark.parametrize(
    ("job", "message", "field"),
    [
        ("spin", "too long", "the.field"),
        ("step", "too long", "the.step"),
        ("hang", "too long", "the.field"),
        ("eat", "too much memory", "the.field"),
        ("abort", "cannot be read", "the.field"),
        ("kill", "too much memory", ""),
    ],
)
async def test_a_job_beyond_the_limits_ends_alone(pool: ChildPool, job: str, message: str, field: str) -> None:
    started = time.monotonic()
    with pytest.raises(OverLimits, match=message) as caught:
        await pool.ask("a", job.encode())
    assert caught.value.field == field
    assert time.monotonic() - started < 15
    assert await pool.ask("a", b"echo x")


async def test_the_heavy_jobs_of_one_key_do_not_hold_up_another(pool: ChildPool) -> None:
    await pool.ask("a", b"echo")
    heavy = [asyncio.create_task(pool.ask("a", b"spin")) for _ in range(3)]
    await settle()
    async with asyncio.timeout(10):
        await pool.ask("b", b"echo")
    assert not heavy[1].done()
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)


PARENT = f"""
import asyncio, sys
import uvloop
from angarium.platform.children.pool import ChildPool
from angarium.platform.clock import SystemClock

async def main():
    pool = ChildPool({MODULE!r}, SystemClock(), most_waiting=10)
    print((await pool.ask("a", b"echo")).split()[0].decode(), flush=True)
    if sys.argv[1] == "busy":
        await pool.ask("a", b"spin")
    await asyncio.sleep(60)

uvloop.run(main())
"""


@pytest.mark.parametrize("state", ["busy", "idle"])
async def test_no_child_outlives_a_killed_parent(state: str) -> None:
    with subprocess.Popen(  # noqa: S603, ASYNC220 - our own script; it prints at once
        [sys.executable, "-c", PARENT, state],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert runs(child)
        parent.kill()
    await until(lambda: not runs(child), timeout=20)
