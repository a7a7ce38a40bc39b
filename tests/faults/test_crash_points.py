"""A crash at each crash point, provoked by `CRASH_AT`."""

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from angarium.contracts.crash_points import CrashPoint
from angarium.platform.crash import STATUS
from angarium.testing.smtp.sink import SmtpSink
from tests.faults.conftest import SETTINGS
from tests.faults.load import Load
from tests.support.system import EmbeddedSystem, running

AT_ONCE = 3
"""The number of systems that run concurrently."""
COPIES = dict.fromkeys(CrashPoint, 1) | {CrashPoint.AFTER_SEND: 2}
"""Expected copies: a mail is sent again only if its result could not be recorded."""


@pytest.mark.long
@pytest.mark.fault(1, 2, 3, 4, 5)
async def test_a_crash_at_each_point_loses_nothing(sink: SmtpSink, tmp_path: Path) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def crash(point: CrashPoint) -> int:
        async with turns:
            return await _crash(point, sink, tmp_path / point)

    found = await asyncio.gather(*(crash(point) for point in CrashPoint))
    assert dict(zip(CrashPoint, found, strict=True)) == COPIES


async def _crash(point: CrashPoint, sink: SmtpSink, folder: Path) -> int:
    """The number of copies of a notification that arrive if the process ends at `point`."""
    with running(EmbeddedSystem(folder, sink=sink, settings=SETTINGS)) as system:
        async with system.connected():
            load = await Load.prepare(system)
            await system.kill("angarium")
            system.crash_at = point
            await system.start()
            body = load.body()
            with suppress(httpx2.TransportError):
                await system.submit(**body)
            assert await system.ended("angarium") == STATUS
            system.crash_at = None
            await system.start()
            answer = await system.submit(**body)
            assert answer.status_code == httpx2.codes.ACCEPTED
            notification_id = answer.json()["data"]["notification_id"]
            load.ledger.accept([notification_id])
            await load.all_sent(within=90)
            return sink.notifications()[notification_id]
