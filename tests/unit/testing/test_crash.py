"""A process that is run to a crash point, and those that end otherwise."""

import sys

import pytest

from angarium.platform.crash import STATUS
from angarium.testing import CrashPoint, DidNotCrash, run_until_crash

PYTHON = (sys.executable, "-c")
AT_ITS_POINT = f"import os; assert os.environ['ANGARIUM_CRASH_AT'] == 'after_claim'; os._exit({STATUS})"


async def test_a_process_that_reaches_the_point() -> None:
    await run_until_crash(CrashPoint.AFTER_CLAIM, AT_ITS_POINT, command=PYTHON)


async def test_a_process_that_ends_otherwise_shows_its_last_words() -> None:
    with pytest.raises(DidNotCrash, match=r"status 3 before after_claim: no database"):
        await run_until_crash(CrashPoint.AFTER_CLAIM, "import sys; print('no database'); sys.exit(3)", command=PYTHON)


async def test_a_process_that_does_not_get_there_is_killed() -> None:
    with pytest.raises(DidNotCrash, match=r"did not reach before_send within 0\.2 s"):
        await run_until_crash(CrashPoint.BEFORE_SEND, "import time; time.sleep(60)", command=PYTHON, within=0.2)
