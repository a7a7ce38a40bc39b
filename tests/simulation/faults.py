"""The faults of a world. Their kinds and times are drawn from the seed."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, Protocol
from uuid import UUID

from tests.simulation.processes import Process, Surroundings

TROUBLE = 25.0
"""Seconds during which faults occur."""
BACKLOGS = 0.03
"""Share of the worlds without a worker for so long that the sweeper could consider waiting messages lost."""
_FLAGS = ("database_away", "broker_away", "directory_away")
_RATES = ("lost_answers", "locks", "lost_publishes", "lost_confirms", "copies", "slow")
_LONGEST_STEP = 200
_LONG = 65.0
"""Seconds: longer than a lease plus the sweeper's grace period."""
_PATIENCE = 12.0
"""Seconds after which an action happens even if its condition has not occurred."""

Fault = Callable[["Faults"], Coroutine[Any, Any, None]]


class Running(Protocol):
    """The processes that run now."""

    around: Surroundings
    workers: list[Process]

    @property
    def gateway(self) -> Process: ...

    def start_gateway(self) -> None: ...
    def start_worker(self) -> None: ...


class Faults:
    """Draws faults and provokes them."""

    def __init__(self, world: Running, random: Random, users: Sequence[UUID]) -> None:
        self._world = world
        self._random = random
        self._users = users
        self._loop, self._judge = world.around.loop, world.around.judge

    def drawn(self) -> list[Coroutine[Any, Any, None]]:
        """Up to five faults, as coroutines of the world."""
        kinds: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (
            self._kill_worker,
            self._kill_worker,
            self._kill_gateway,
            self._freeze,
            self._freeze,
            self._stop_worker,
            self._cut,
            self._flag,
            self._flag,
            self._flag,
            self._rate,
            self._rate,
            self._rate,
            self._rate,
            self._jump,
            self._jump,
            self._opt_out,
        )
        drawn = [self._random.choice(kinds)() for _ in range(self._random.randint(0, 5))]
        if self._random.random() < BACKLOGS:
            drawn.append(self._backlog())
        return drawn

    async def _sometime(self) -> Random:
        """Wait until the time of this fault; return its source of randomness."""
        random = Random(self._random.random())  # noqa: S311 - a run is to be repeated
        await asyncio.sleep(random.uniform(0, TROUBLE))
        return random

    async def _kill_worker(self) -> None:
        """Kill a worker at any of its steps, then start another one."""
        random = await self._sometime()
        victim = random.choice(self._world.workers)
        await self._killed(victim, random)
        if victim in self._world.workers:
            self._world.workers.remove(victim)
            await asyncio.sleep(random.uniform(0.1, 15.0))
            self._world.start_worker()

    async def _kill_gateway(self) -> None:
        random = await self._sometime()
        victim = self._world.gateway
        await self._killed(victim, random)
        if victim is self._world.gateway:
            await asyncio.sleep(random.uniform(0.1, 5.0))
            self._world.start_gateway()

    async def _killed(self, victim: Process, random: Random) -> None:
        await self._trapped(victim, random, "killed", self._loop.kill)
        victim.broker.cut()

    async def _trapped(self, victim: Process, random: Random, what: str, act: Callable[[str], None]) -> None:
        """Call `act` on the process instead of one of its next steps."""
        done = asyncio.Event()

        def spring() -> None:
            if not done.is_set():
                done.set()
                self._judge.note(what, victim.name)
                act(victim.name)
                self._judge.faults[victim.name].append(self._loop.time())

        self._loop.trap(victim.name, random.randint(1, _LONGEST_STEP), spring)
        await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=_PATIENCE)
        spring()

    async def _freeze(self) -> None:
        """Freeze a worker, sometimes for longer than a lease. Its connections stay open, or the server cuts them."""
        random = await self._sometime()
        victim = random.choice([*self._world.workers, self._world.gateway])
        await self._trapped(victim, random, "frozen", self._loop.freeze)
        cut = random.random() < 0.5
        await asyncio.sleep(random.uniform(0.5, 8))
        if cut:
            victim.broker.cut()
        until = random.choice(["soon", "takeover", "takeover", "late"])
        if until == "takeover":  # the worst moment: another worker has just taken over its work
            taken = asyncio.ensure_future(self._judge.takeover(victim.name).wait())
            await asyncio.wait([taken], timeout=_LONG)
            await asyncio.sleep(random.uniform(0, 0.4))
        elif until == "late":
            await asyncio.sleep(_LONG)
        self._judge.faults[victim.name].append(self._loop.time())
        self._loop.thaw(victim.name)
        if cut:
            await asyncio.sleep(random.uniform(0, 2))
            victim.broker.restore()

    async def _stop_worker(self) -> None:
        """Stop a worker as SIGTERM does, and start another one."""
        random = await self._sometime()
        victim = random.choice(self._world.workers)
        self._judge.note("stopped", victim.name)
        self._world.workers.remove(victim)
        victim.stop.set()
        await asyncio.wait(victim.tasks, timeout=TROUBLE)
        self._judge.faults[victim.name].append(self._loop.time())
        self._loop.kill(victim.name)
        victim.broker.cut()
        self._world.start_worker()

    async def _cut(self) -> None:
        """Cut a process's connection to the broker for some time."""
        random = await self._sometime()
        victim = random.choice([*self._world.workers, self._world.gateway])
        self._judge.note("cut", victim.name)
        victim.broker.cut()
        await asyncio.sleep(random.uniform(0.1, 20))
        victim.broker.restore()

    async def _flag(self) -> None:
        """Make a server unavailable to all processes for some time."""
        random = await self._sometime()
        name = random.choice(_FLAGS)
        self._judge.note("away", name)
        setattr(self._world.around.weather, name, True)
        await asyncio.sleep(random.choice([random.uniform(0.1, 5), random.uniform(5, 60)]))
        setattr(self._world.around.weather, name, False)

    async def _rate(self) -> None:
        """Set the rate of an occasional fault for some time."""
        random = await self._sometime()
        name, share = random.choice(_RATES), random.choice([0.02, 0.1, 0.4])
        self._judge.note("rate", name, share)
        setattr(self._world.around.weather, name, share)
        await asyncio.sleep(random.uniform(1, 20))
        setattr(self._world.around.weather, name, 0.0)

    async def _jump(self) -> None:
        """Set the wall clock of a process, wrong by up to an hour."""
        random = await self._sometime()
        victim = random.choice([*self._world.workers, self._world.gateway])
        victim.clock.skew = random.uniform(-3600, 3600)
        self._judge.note("jumped", victim.name)

    async def _opt_out(self) -> None:
        """Opt a user out of email."""
        random = await self._sometime()
        user = random.choice(self._users)
        self._world.around.users.opt_out(user)
        self._judge.opted_out.setdefault(user, self._loop.time())
        self._judge.note("opted out", user)

    async def _backlog(self) -> None:
        """Run no worker for 15 minutes, which is longer than the sweeper's grace period."""
        random = await self._sometime()
        away = list(self._world.workers)
        self._world.workers.clear()
        for victim in away:
            self._judge.note("killed", victim.name)
            self._judge.faults[victim.name].append(self._loop.time())
            self._loop.kill(victim.name)
            victim.broker.cut()
        await asyncio.sleep(random.uniform(620, 900))
        for _ in away:
            self._world.start_worker()
