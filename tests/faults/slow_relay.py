"""Cases of a healthy but slow SMTP relay. With default settings each mail has one copy, one attempt and is `sent`.

`python -m tests.faults.slow_relay` prints the whole table in about four minutes; the tests run some of the cases.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from angarium.testing.smtp.sink import SmtpSink
from tests.faults.load import Load
from tests.support.system import EmbeddedSystem, running
from tests.support.wait import until

DEFAULT_DELAYS = "1s,2s,4s,8s,16s"
_ENDS = frozenset({"sent", "failed", "unknown", "expired", "skipped"})


@dataclass(frozen=True, slots=True)
class Case:
    """A number of mails to a relay that delays each greeting and each answer to a final dot."""

    mails: int
    dot: float = 0.0
    greeting: float = 0.0
    options: str = ""
    within: float = 120.0

    def __str__(self) -> str:
        slow = [f"{self.dot:g} s at the dot"] if self.dot else []
        slow += [f"{self.greeting:g} s to the greeting"] if self.greeting else []
        return f"{self.mails} x {', '.join(slow)}{f' ({self.options})' if self.options else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number of mails by copies, by attempts and by final status."""

    copies: dict[int, int]
    attempts: dict[int, int]
    statuses: dict[str, int]
    seconds: float

    def clean(self, case: Case) -> bool:
        """Whether each mail has one copy, one attempt and the status `sent`."""
        every = {1: case.mails}
        return (self.copies, self.attempts, self.statuses) == (every, every, {"sent": case.mails})


CASES = (
    Case(300, dot=1),
    Case(100, dot=3),
    Case(1, dot=14),
    Case(20, greeting=6),
    Case(1, greeting=14),
    Case(1, greeting=20),
    Case(6, dot=3, options="pool=1"),
    Case(1, dot=50),
)


async def measure(case: Case, system: EmbeddedSystem) -> Outcome:
    """Send the mails, wait until they end, and count what the relay received."""
    system.sink.slow_down(case.dot)
    system.sink.greet_after(case.greeting)
    load = await Load.prepare(system)
    start = time.monotonic()
    await load.send_bulk(case.mails)

    async def ended() -> dict[str, str] | None:
        statuses = await system.listed(template_code=load.code)
        return statuses if len(statuses) == case.mails and set(statuses.values()) <= _ENDS else None

    statuses = await until(ended, case.within, interval=0.5, message=f"{case}: all end")
    assert statuses is not None
    seconds = time.monotonic() - start
    received = system.sink.notifications()
    attempts = [(await system.status(id_))["attempts"] for id_ in load.ledger.accepted]
    return Outcome(
        copies=dict(Counter(received[id_] for id_ in load.ledger.accepted)),
        attempts=dict(Counter(attempts)),
        statuses=dict(Counter(statuses.values())),
        seconds=seconds,
    )


async def measured(case: Case, system: EmbeddedSystem) -> Outcome:
    """`measure` with a new client."""
    async with system.connected():
        return await measure(case, system)


def run(case: Case, folder: Path) -> Outcome:
    """Run one case with a new relay and a new process."""
    with SmtpSink() as sink:
        settings = {"RETRY_DELAYS": DEFAULT_DELAYS}
        if case.options:
            settings["EMAIL_PROVIDERS"] = f"{sink.url}&{case.options}"
        with running(EmbeddedSystem(folder, sink=sink, settings=settings)) as system:
            return asyncio.run(measured(case, system))


def main() -> int:
    """Print the table. Return 1 if a row is not clean."""
    logging.disable()
    good = True
    sys.stdout.write("| mails | copies | attempts | status | seconds | |\n|---|---|---|---|---|---|\n")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            outcome = run(case, Path(folder))
        good = good and outcome.clean(case)
        figures = " | ".join(_figures(counts) for counts in (outcome.copies, outcome.attempts, outcome.statuses))
        row = f"| {case} | {figures} | {outcome.seconds:.0f} | {'ok' if outcome.clean(case) else 'NOT CLEAN'} |"
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    return 0 if good else 1


def _figures(counts: dict[int, int] | dict[str, int]) -> str:
    return ", ".join(f"{count} x {value}" for value, count in sorted(counts.items(), key=str))


if __name__ == "__main__":
    sys.exit(main())
