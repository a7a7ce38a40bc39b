"""If a provider refuses the sender or its account, the next provider sends the mail, and none is lost."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from angarium.testing.smtp.script import Step
from angarium.testing.smtp.sink import SmtpSink
from tests.faults.load import Load
from tests.support.system import EmbeddedSystem, running

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.mark.parametrize(
    "step",
    [
        Step(rcpt="550 5.4.5 Daily user sending quota exceeded"),
        Step(final="554 Message rejected: Email address is not verified"),
    ],
    ids=["quota", "not verified"],
)
def test_the_next_provider_sends_mails_whose_sender_the_first_refuses(step: Step, tmp_path: Path) -> None:
    with SmtpSink() as refusing, SmtpSink() as taking:
        refusing.usually(step)
        settings = {"EMAIL_PROVIDERS": f"{refusing.url},{taking.url}"}
        with running(EmbeddedSystem(tmp_path, sink=taking, settings=settings)) as system:
            asyncio.run(_all_are_sent(system))
        assert not refusing.received


async def _all_are_sent(system: EmbeddedSystem) -> None:
    async with system.connected():
        load = await Load.prepare(system)
        await load.send_bulk(10)
        await load.all_sent(within=30)
        views = [await system.status(id_) for id_ in load.ledger.accepted]
        assert Counter((view["provider"], view["attempts"]) for view in views) == {("smtp-2", 1): 10}
        assert await system.dead_letters() == []
