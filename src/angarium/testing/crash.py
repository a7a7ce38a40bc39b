"""Crashes an Angarium process at a named point."""

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
    """Run `angarium ARGUMENTS` with `ANGARIUM_CRASH_AT=point` and return once it has crashed there.

    At the point the process exits at once with status 70: no handler runs, nothing is flushed. `CrashPoint` documents
    what has happened at each point. `env` is added to this process's environment. Something must make the process reach
    the point, such as a request from another task or work in a queue.

    Kills the process and raises DidNotCrash after `within` seconds or if it ends with another status.
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
