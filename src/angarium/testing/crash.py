"""Ends a process of Angarium at a named point, as a kill would."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from angarium.contracts.crash_points import CrashPoint
from angarium.platform.crash import STATUS

ANGARIUM: Sequence[str] = (sys.executable, "-c", "from angarium.cli.main import main; main()")
"""The command `angarium` of this interpreter."""


class DidNotCrash(AssertionError):
    """The process ended in another way, or not in time; the message has the end of its output"""


async def run_until_crash(
    point: CrashPoint,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    within: float = 60.0,
    command: Sequence[str] = ANGARIUM,
) -> None:
    """Run `angarium ARGUMENTS` with `ANGARIUM_CRASH_AT=point` and return once it has ended there.

    At the point the process exits at once with the status 70: no handler runs, nothing is flushed. Each `CrashPoint`
    says what has happened by then. `env` is added to this process's environment. Something must bring the process to
    the point, such as a request that another task sends, or work that waits in a queue.

    Raises DidNotCrash after `within` seconds, or when the process ends with another status; it is killed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        env={**os.environ, **(env or {}), "ANGARIUM_CRASH_AT": point.value},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), within)
    except TimeoutError:
        raise DidNotCrash(f"it did not reach {point.value} within {within} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != STATUS:
        end = output[-2000:].decode(errors="replace")
        raise DidNotCrash(f"status {process.returncode} before {point.value}: {end}")
