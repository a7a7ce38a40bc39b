"""What lies between one process and the servers: time, and what can go wrong."""

import asyncio
from dataclasses import dataclass, field
from random import Random

CROWDED = 30.0
"""Seconds after a publish that failed, in which others may still wait for theirs."""


@dataclass
class Weather:
    """What is wrong now, for all processes. Rates are per call; `calm` ends all of it."""

    over: bool = False
    """Whether the time of trouble is over."""
    database_away: bool = False
    broker_away: bool = False
    directory_away: bool = False
    lost_answers: float = 0.0
    """Of calls to the database: the way there or back is cut."""
    locks: float = 0.0
    """Of claims and records: another transaction holds a row."""
    lost_publishes: float = 0.0
    lost_confirms: float = 0.0
    copies: float = 0.0
    """Of publishes: the message arrives twice."""
    slow: float = 0.0
    """Of journeys: seconds instead of milliseconds."""

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.__init__()  # type: ignore[misc]  # every field to its default


@dataclass
class Link:
    """One process's way to the servers. `faulty_at`: when the database last failed it, in seconds."""

    process: str
    weather: Weather
    random: Random
    cut: bool = False
    """Whether its connection to the broker is cut."""
    faults: list[float] = field(default_factory=list)
    unpublished_at: float = float("-inf")
    """When the broker last did not take a publish."""

    def cannot_publish(self) -> bool:
        """Whether messages may be left to the record instead of being parked: the broker takes no publishes."""
        return asyncio.get_running_loop().time() - self.unpublished_at < CROWDED

    async def travel(self) -> None:
        """One way."""
        slow = self.weather.slow and self.random.random() < self.weather.slow
        await asyncio.sleep(self.random.uniform(0.3, 3.0) if slow else 0.0005 + 0.004 * self.random.random())

    def database_answers(self) -> bool:
        """Whether the database can be reached this time."""
        weather = self.weather
        fails = weather.database_away or bool(weather.lost_answers and self.random.random() < weather.lost_answers)
        if fails:
            self.faults.append(asyncio.get_running_loop().time())
        return not fails

    def finds_locks(self) -> bool:
        """Whether a row is locked this time; a result that waits for it is a fault of the database, too."""
        found = bool(self.weather.locks and self.random.random() < self.weather.locks)
        if found:
            self.faults.append(asyncio.get_running_loop().time())
        return found
