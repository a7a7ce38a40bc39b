"""The network between a process and the servers: delays and faults."""

import asyncio
from dataclasses import dataclass, field
from random import Random

CROWDED = 30.0
"""Seconds after a failed publish during which other publishes may still be waiting."""


@dataclass
class Weather:
    """The current faults of all processes. Rates are per call; `calm` ends all faults."""

    over: bool = False
    """Whether the time of faults is over."""
    database_away: bool = False
    broker_away: bool = False
    directory_away: bool = False
    lost_answers: float = 0.0
    """Share of database calls of which the request or the answer is lost."""
    locks: float = 0.0
    """Share of claims and records for which another transaction has locked a row."""
    lost_publishes: float = 0.0
    lost_confirms: float = 0.0
    copies: float = 0.0
    """Share of publishes whose message arrives twice."""
    slow: float = 0.0
    """Share of network delays that take seconds instead of milliseconds."""

    def calm(self) -> None:
        """End all faults."""
        self.__init__()  # type: ignore[misc]  # every field to its default


@dataclass
class Link:
    """The network connection of one process. `faulty_at`: the time of its last database fault, in seconds."""

    process: str
    weather: Weather
    random: Random
    cut: bool = False
    """Whether the connection to the broker is cut."""
    faults: list[float] = field(default_factory=list)
    unpublished_at: float = float("-inf")
    """The time when the broker last refused a publish."""

    def cannot_publish(self) -> bool:
        """Whether the broker accepts no publishes; then messages are recovered from the record instead of parked."""
        return asyncio.get_running_loop().time() - self.unpublished_at < CROWDED

    async def travel(self) -> None:
        """Wait for the delay of one direction."""
        slow = self.weather.slow and self.random.random() < self.weather.slow
        await asyncio.sleep(self.random.uniform(0.3, 3.0) if slow else 0.0005 + 0.004 * self.random.random())

    def database_answers(self) -> bool:
        """Whether this call reaches the database."""
        weather = self.weather
        fails = weather.database_away or bool(weather.lost_answers and self.random.random() < weather.lost_answers)
        if fails:
            self.faults.append(asyncio.get_running_loop().time())
        return not fails

    def finds_locks(self) -> bool:
        """Whether a row is locked during this call, which also counts as a database fault."""
        found = bool(self.weather.locks and self.random.random() < self.weather.locks)
        if found:
            self.faults.append(asyncio.get_running_loop().time())
        return found
