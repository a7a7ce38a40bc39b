"""Workers with a wrong clock, with a message that kills them, with a full log disk, or replaced one by one."""

import asyncio
import sys
from pathlib import Path

import pytest

from angarium.testing.smtp.script import Step
from tests.faults.changing import restarted
from tests.faults.conftest import CONCURRENCY
from tests.faults.load import Load
from tests.support.fault_table import note
from tests.support.system import ANGARIUM, DistributedSystem
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.distributed

SHIFTED = Path(__file__).with_name("shifted_clock.py")
HOUR = 3600
SLOW = Step(tarpit=2.0)
"""One answer takes about a minute; the worker is killed before."""


@pytest.mark.long
@pytest.mark.fault(34)
async def test_workers_whose_clocks_are_an_hour_off_send_everything_once(
    system: DistributedSystem, volume: int
) -> None:
    load = await Load.prepare(system)
    await system.stop("email")
    await load.send_bulk(volume)
    system.sink.slow_down(0.02)
    early, late = _launched(system, -HOUR), _launched(system, HOUR)
    await system.start()  # one worker with the right clock
    await load.send_bulk(volume)
    await load.all_sent(within=60 + volume / 20)
    await load.judge()
    for name in (early, late):
        assert "notification.sent" in system.tail(name, 0), f"{name} took no part"


@pytest.mark.long
@pytest.mark.fault(34)
async def test_the_work_of_a_killed_worker_with_a_fast_clock_is_not_lost(system: DistributedSystem) -> None:
    load = await Load.prepare(system)
    await system.stop("email")
    system.sink.slow_down(30)
    ahead = _launched(system, HOUR)
    await load.send_bulk(CONCURRENCY)
    await until(lambda: "notification.claimed" in system.tail(ahead, 0), 30)
    system.forget(ahead)
    system.sink.slow_down(0)
    await system.start("email")
    await load.all_sent(within=60)
    await load.judge(window=CONCURRENCY)


def _launched(system: DistributedSystem, offset: float) -> str:
    """Start another email worker whose clock is wrong by `offset` seconds, with its own log. Return its name."""
    name = system.copy("email")
    system.log(name).unlink(missing_ok=True)
    system.launcher = (sys.executable, str(SHIFTED), str(offset))
    system.launch(name)
    system.launcher = (str(ANGARIUM),)
    return name


@pytest.mark.long
@pytest.mark.fault(16)
async def test_a_message_that_kills_its_worker_ends_as_a_dead_letter(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    code = (await system.create_template(retry_delays=["1s"]))["code"]
    poison = new_email()
    system.sink.script(poison, *[SLOW] * 5)
    accepted = await system.send(recipient={"email": poison}, template_code=code, variables={"name": "Ada"})
    await load.send_bulk(volume)
    kills = 0

    async def ended() -> bool:
        nonlocal kills
        if len(system.sink.tries(poison)) > kills:
            kills += 1
            await system.kill("email")
            await system.start("email")
        return bool((await system.status(accepted["notification_id"]))["status"] == "failed")

    await until(ended, 150, interval=0.1)
    assert kills == 2
    letter = await system.dead_letter(accepted["notification_id"])
    assert letter is not None
    await load.all_sent(within=60 + volume / 50)
    await load.judge(window=kills * CONCURRENCY)
    note(f"dead letter after {kills} kills")


@pytest.mark.long
@pytest.mark.fault(40)
async def test_sends_continue_with_a_full_log_disk(system: DistributedSystem, tmp_path: Path, volume: int) -> None:
    load = await Load.prepare(system)
    for name in ("combined.log", "error.log"):
        (tmp_path / name).symlink_to("/dev/full")
    settings = {"LOG_DIR": str(tmp_path)}
    async with restarted(system, "email", settings), restarted(system, "gateway", settings):
        await load.send_bulk(volume)
        await load.all_sent(within=30 + volume / 50)
        await load.judge()


@pytest.mark.long
@pytest.mark.fault(63)
async def test_a_rolling_restart_of_workers_loses_and_repeats_nothing(system: DistributedSystem, volume: int) -> None:
    load = await Load.prepare(system)
    system.sink.slow_down(0.02)
    another = system.copy("email")
    await system.start(another)
    await load.send_bulk(volume)
    sending = asyncio.create_task(load.send_for(10, senders=2))
    for name in ("email", another, "gateway"):
        await system.stop(name)
        await system.start(name)
    await sending
    await load.all_sent(within=60 + volume / 20)
    await load.judge()
    await system.stop(another)
    await system.start(another)
