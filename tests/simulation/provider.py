"""Providers whose answers and durations are drawn from the seed. Some answers are lost although a message was sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import ImmediatePermit, Outbound
from tests.simulation.judge import Judge


@dataclass
class Habits:
    """The current behaviour of all providers, as shares of their answers. All other messages are sent."""

    retry: float = 0.0
    after: float = 0.0
    """Share of retryable answers that have a Retry-After."""
    ambiguous: float = 0.0
    """Share of lost answers. Half of their messages were sent."""
    permanent: float = 0.0
    configuration: float = 0.0
    slow: float = 0.0
    """Share of calls that take up to 70 s instead of less than one."""

    def calm(self) -> None:
        """Send every message immediately from now on."""
        self.__init__()  # type: ignore[misc]  # every field to its default


class SimulatedProvider:
    """One configured provider in one process, with at most `permits` concurrent sends."""

    def __init__(self, name: str, process: str, habits: Habits, random: Random, judge: Judge, permits: int) -> None:
        self.name = name
        self._process = process
        self._habits = habits
        self._random = random
        self._judge = judge
        self._permits = asyncio.Semaphore(permits)

    @asynccontextmanager
    async def acquire(self, message: Outbound) -> AsyncIterator[ImmediatePermit]:
        async with self._permits:
            yield ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        call = self._judge.begun(self._process, self.name, message)
        random, habits = self._random, self._habits
        seconds = random.uniform(1, 70) if random.random() < habits.slow else random.uniform(0.01, 0.4)
        outcome, taken = self._draw()
        await asyncio.sleep(seconds * random.random())
        call.taken = taken
        await asyncio.sleep(seconds * random.random())
        self._judge.outcome(message.notification_id, call, outcome)
        return outcome

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None

    def _draw(self) -> tuple[Outcome, bool]:
        """Draw an outcome, and whether the message was sent."""
        random, habits = self._random, self._habits
        drawn = random.random()
        for share, outcome in (
            (habits.retry, self._retry()),
            (habits.ambiguous, Ambiguous("no answer")),
            (habits.permanent, Permanent("550 5.1.1 no such user")),
            (habits.configuration, Configuration("535 refused")),
        ):
            if drawn < share:
                return outcome, isinstance(outcome, Ambiguous) and random.random() < 0.5
            drawn -= share
        return Sent("250 ok"), True

    def _retry(self) -> Retry:
        random = self._random
        after = timedelta(seconds=random.uniform(1, 90)) if random.random() < self._habits.after else None
        return Retry("451 later", after=after, provider_fault=random.random() < 0.5)
