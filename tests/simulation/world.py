"""One run: a world drawn from a seed, its faults, and the wait until everything has ended."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from angarium.contracts.errors import Rejected, ServiceUnavailable, Transient
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.accepting.acceptance import Accepted
from tests.simulation.broker import BrokerServer
from tests.simulation.clock import START, SimulatedClock
from tests.simulation.database import Database
from tests.simulation.directory import Users
from tests.simulation.faults import TROUBLE, Faults
from tests.simulation.judge import Judge
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Weather
from tests.simulation.processes import DELAYS, TOPOLOGY, Gateway, Process, Surroundings, start_worker
from tests.simulation.provider import Habits

BOUND = 7200.0
"""Seconds by which everything must have ended."""
_CALL_TIMEOUT = 10.0


@dataclass(frozen=True)
class Run:
    """The result of a seed."""

    seed: int
    violations: Sequence[str]
    trace: Sequence[str]
    hash: str
    ended_at: float
    steps: int


class Simulator:
    """Runs seeds in sequence, with one database that is emptied between them."""

    def __init__(self) -> None:
        self._database = Database()
        self._metrics = Metrics()
        self._renderer = Renderer(timer=lambda: 0.0)  # a slow rendering would otherwise move to a thread

    def run(self, seed: int) -> Run:
        """Run `seed`. The result depends only on the seed and the code."""
        random = Random(f"{seed}/world")  # noqa: S311 - a run is to be repeated
        loop = VirtualLoop(Random(f"{seed}/schedule"))  # type: ignore[abstract]  # noqa: S311 - what it lacks is not used
        judge = Judge(loop, most_attempts=len(DELAYS) + 1)
        asyncio._set_running_loop(loop)
        try:  # the parts of the processes require a running loop
            world = World(seed, random, self._around(seed, loop, judge), self._database.outbox)
        finally:
            asyncio._set_running_loop(None)
        try:
            if not loop.run(lambda: world.over or bool(judge.violations), deadline=BOUND):
                judge.violated("it does not end", f"{judge.unfinished} notifications, {world.clients} clients")
            for error in loop.errors:
                judge.violated("an unexpected error", error)
            if not judge.violations:
                judge.verdict(self._database.rows(), self._database.lettered(), self._database.outbox())
            violations, trace = tuple(judge.violations), tuple(judge.trace)
            return Run(seed, violations, trace, judge.hash, loop.time(), loop.steps)
        finally:
            loop.finish()

    def _around(self, seed: int, loop: VirtualLoop, judge: Judge) -> Surroundings:
        clock = SimulatedClock(loop)
        server = BrokerServer(MemoryBroker(clock))
        server.at_once(server.broker.declare(TOPOLOGY))
        judge.waiting_copies = lambda id_: server.ready(str(id_))
        return Surroundings(
            loop=loop,
            seed=str(seed),
            judge=judge,
            weather=Weather(),
            habits=Habits(),
            users=Users(),
            store=self._database.begin(judge, clock),
            server=server,
            metrics=self._metrics,
            renderer=self._renderer,
        )


class World:
    """Clients, a gateway and two workers, and their faults."""

    def __init__(self, seed: int, random: Random, around: Surroundings, outbox: Callable[[], int]) -> None:
        self.over = False
        self.clients = 0
        """The number of clients without an answer."""
        self.around = around
        self.workers: list[Process] = []
        self._seed = seed
        self._random = random
        self._outbox = outbox
        self._started = 0
        self._concurrency, self._permits = random.randint(3, 8), random.choice([1, 2, 8])
        self._draw_habits()
        self.start_gateway()
        self.start_worker()
        self.start_worker()
        users = [UUID(int=number) for number in range(1, random.randint(1, 4) + 1)]
        for user in users:
            around.users.add(user)
        self.clients = random.randint(5, 16)
        for number in range(self.clients):
            around.loop.spawn("world", self._client(number, users))
        for fault in Faults(self, random, users).drawn():
            around.loop.spawn("world", fault)
        around.loop.spawn("world", self._end())

    @property
    def gateway(self) -> Process:
        """The current gateway."""
        return self._gateway.process

    def start_gateway(self) -> None:
        """Start a new gateway instead of the last one."""
        self._gateway = Gateway(self._process("gateway"))

    def start_worker(self) -> None:
        """Start another worker."""
        worker = self._process("worker")
        self.workers.append(worker)
        start_worker(worker, concurrency=self._concurrency, permits=self._permits)

    def _process(self, kind: str) -> Process:
        self._started += 1
        skew = self._random.choice([0.0, 0.0, self._random.uniform(-300, 300)])
        return Process.start(f"{kind}-{self._started}", self.around, skew=skew)

    def _draw_habits(self) -> None:
        random, habits = self._random, self.around.habits
        if random.random() < 0.8:
            habits.retry, habits.after = random.choice([0.1, 0.4]), random.choice([0.0, 0.3])
            habits.ambiguous, habits.permanent = random.choice([0.0, 0.15]), random.choice([0.0, 0.05])
            habits.configuration, habits.slow = random.choice([0.0, 0.05]), random.choice([0.0, 0.1, 0.3])

    async def _client(self, number: int, users: Sequence[UUID]) -> None:
        """Send one notification repeatedly until it is accepted or rejected."""
        random = Random(f"{self._seed}/client/{number}")  # noqa: S311 - a run is to be repeated
        await asyncio.sleep(random.uniform(0, TROUBLE * random.choice([0.1, 0.9])))
        request = self._request(number, users, random)
        while (answer := await self._asked(request)) is None:  # noqa: ASYNC110 - a client repeats its request
            await asyncio.sleep(random.uniform(0.2, 3.0))
        if isinstance(answer, Accepted):
            self.around.judge.answered(answer.request_id, answer.notification_id)
        self.clients -= 1

    def _request(self, number: int, users: Sequence[UUID], random: Random) -> NotificationRequest:
        now = START + timedelta(seconds=self.around.loop.time())
        stored, drawn = random.random() < 0.6, random.random()
        to: dict[str, Any] = {"user_id": random.choice(users)} if stored else {"recipient": {"email": "bo@example.com"}}
        policy = DeliveryPolicy.AT_MOST_ONCE if random.random() < 0.25 else DeliveryPolicy.AT_LEAST_ONCE
        return NotificationRequest(
            notification_type=Channel.EMAIL,
            template_code=policy.value,
            variables={"name": "Ann"},
            request_id=f"request-{number}",
            priority=random.choice([5, 5, 9]),
            send_at=now + timedelta(seconds=random.uniform(1, 60)) if drawn < 0.15 else None,
            expires_at=now + timedelta(seconds=random.uniform(100, 200)) if drawn > 0.9 else None,
            **to,
        )

    async def _asked(self, request: NotificationRequest) -> Accepted | Rejected | None:
        """The gateway's answer, or None if the request must be repeated."""
        gateway = self._gateway
        call = self.around.loop.spawn(gateway.process.name, _settled(gateway, request))
        done, _ = await asyncio.wait([call], timeout=_CALL_TIMEOUT)
        return call.result() if done else None

    async def _end(self) -> None:
        """End the faults, then wait until nothing is left to do."""
        await asyncio.sleep(TROUBLE)
        self.around.weather.calm()
        self.around.habits.calm()
        self.around.weather.over = True
        self.gateway.slow_down()
        judge = self.around.judge
        while self.clients or judge.unfinished or self._outbox():  # noqa: ASYNC110 - of the database
            await asyncio.sleep(1.0)
        await asyncio.sleep(3.0)
        self.over = True


async def _settled(gateway: Gateway, request: NotificationRequest) -> Accepted | Rejected | None:
    """A 202, or a 400 if the gateway's clock is wrong and `expires_at` seems to be past; None for a 503."""
    try:
        return await gateway.accept(request)
    except (ServiceUnavailable, Transient):
        return None
    except Rejected as refusal:
        return refusal
