"""The child processes that compile drafts are killed, or their parent is."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import SETTINGS
from tests.support.processes import children_of, cpu_ticks, runs
from tests.support.system import EmbeddedSystem, running
from tests.support.system_verbs import new_name
from tests.support.wait import until

LANGUAGES = [f"q{a}{b}" for a in "abcd" for b in "abcdefghijklmnopqrstuvwxyz"]


@pytest.fixture
async def system(sink: SmtpSink, tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    with running(EmbeddedSystem(tmp_path, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            yield system


async def compiler_of(system: EmbeddedSystem) -> int:
    """The process id of the child that compiles drafts."""
    await system.create_template()
    [child] = children_of(system.process_id("angarium"))
    return child


async def save_slowly(system: EmbeddedSystem, partial: str) -> None:
    """Save a draft that takes more than a second to compile."""
    page = f"<mjml><mj-body>{{% render '{partial}' %}}</mj-body></mjml>"
    translations = {language: {"subject": language} for language in LANGUAGES}
    body = {"code": new_name("slow"), "subject": "s", "mjml": page, "translations": translations}
    await system.client.post("/api/v1/templates", json=body)


async def test_a_save_succeeds_although_its_compiler_is_killed(system: EmbeddedSystem) -> None:
    child = await compiler_of(system)
    os.kill(child, signal.SIGKILL)
    await system.create_template()
    assert not runs(child)


@pytest.mark.long
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_no_compiler_outlives_the_service(system: EmbeddedSystem, how: str, busy: bool) -> None:
    partial = await system.create_template(code=new_name("_p"), mjml="<mj-hero></mj-hero>" * 1_900, content=None)
    child = await compiler_of(system)
    used = cpu_ticks(child)
    save = asyncio.create_task(save_slowly(system, partial["code"])) if busy else None
    if busy:
        await until(lambda: cpu_ticks(child) > used + 10, interval=0.005)
    await (system.kill if how == "kill" else system.stop)("angarium")
    await until(lambda: not runs(child), timeout=15)
    if save is not None:
        await asyncio.gather(save, return_exceptions=True)
