"""Removes devices with dead tokens, unless so many are dead that our configuration must be wrong.

With a wrong key or environment a provider reports every token as dead. So removal waits a minute, and is cancelled
while more than 5 % of the provider's answers are about dead tokens. A token that is not removed is reported again at
the next send.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Self
from uuid import UUID

import msgspec

from angarium.contracts.errors import AngariumError, Transient
from angarium.contracts.users import DeadDevice, DeadDeviceReport
from angarium.delivery.outcome import Outcome, Permanent
from angarium.delivery.provider import Address
from angarium.notifications.model import Claimed
from angarium.platform.backlog import Backlog
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.loop import Passes, run_loop
from angarium.platform.telemetry.logging import Logger

PATH = "/internal/v1/dead-devices"
HOLD = 60.0
"""Seconds between a report of a dead token and the removal of its device."""
SHARE = 0.05
"""Fraction of a provider's answers about dead tokens above which nothing is removed."""
FEW = 5
"""Reports of dead tokens that are trusted, however few answers there are."""
FEWEST_ANSWERS = 100
"""Minimum number of answers considered, even if they span more than `HOLD`."""
CAPACITY = 10_000
"""Maximum number of devices waiting for removal."""
_LOOK = 1.0
"""Seconds between passes over the waiting devices."""
_BATCH = 50
"""Devices per call, so that it ends in time."""


class DevicesRefused(AngariumError):
    """The users service refuses a report of dead devices"""


class _Dead(msgspec.Struct, frozen=True):
    provider: str
    tenant: str
    user_id: UUID
    device_id: UUID
    due: float


class _Answers:
    """Counts dead tokens among a provider's latest answers: those of a minute, or the last hundred."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()  # [second, answers, dead]
        self._answers = 0
        self._dead = 0
        self.stopped = False

    def add(self, now: float, *, dead: bool) -> None:
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._forget(now)
            self._seconds.append([second, 0, 0])
        latest = self._seconds[-1]
        latest[1] += 1
        self._answers += 1
        if dead:
            latest[2] += 1
            self._dead += 1

    def too_many(self, now: float) -> bool:
        """Whether the fraction of dead tokens is too large."""
        self._forget(now)
        return self._dead > max(FEW, SHARE * self._answers)

    def _forget(self, now: float) -> None:
        while self._seconds:
            second, answers, dead = self._seconds[0]
            if second >= now - HOLD - 1 or self._answers - answers < FEWEST_ANSWERS:
                return
            self._seconds.popleft()
            self._answers -= answers
            self._dead -= dead


class DeadDevices:
    """Collects answers about devices, and asks the users service to remove dead ones.

    Counts are per process. Devices still waiting at its end are not removed; the next send reports them again. The
    caller closes `users`.
    """

    def __init__(self, users: ServiceClient, clock: Clock, logger: Logger) -> None:
        self._users = users
        self._clock = clock
        self._logger = logger
        self._answers: defaultdict[str, _Answers] = defaultdict(_Answers)
        self._held: deque[_Dead] = deque(maxlen=CAPACITY)
        self._waiting: set[UUID] = set()
        self._backlog: Backlog[_Dead] = Backlog(
            "removal of dead devices", self._write, lost=self._lost, capacity=CAPACITY, batch=_BATCH
        )

    def answered(self, provider: str, claimed: Claimed, address: Address, outcome: Outcome) -> None:
        """Note an answer. A stored user's dead device is removed later."""
        dead = isinstance(outcome, Permanent) and outcome.suppress
        now = self._clock.monotonic()
        self._answers[provider].add(now, dead=dead)
        if not dead:
            return
        self._logger.warning(
            "device.invalid", notification_id=str(claimed.id), channel=claimed.channel, provider=provider
        )
        device_id, user_id = address.device_id, claimed.user_id
        if device_id is None or user_id is None or device_id in self._waiting or len(self._held) == CAPACITY:
            return
        self._waiting.add(device_id)
        self._held.append(_Dead(provider, claimed.tenant, UUID(user_id), device_id, now + HOLD))

    @asynccontextmanager
    async def removing(self) -> AsyncIterator[Self]:
        """While this context is open, devices are removed once they have waited long enough."""
        loops = (Passes("dead devices", self._look, pause=_LOOK), self._backlog)
        tasks = [
            asyncio.create_task(run_loop(loop, clock=self._clock, logger=self._logger), name=loop.name)
            for loop in loops
        ]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> bool:
        if self._held:
            self._release()
        return False

    def _release(self) -> None:
        now = self._clock.monotonic()
        for provider, answers in self._answers.items():
            self._judge(provider, answers, now)
        while self._held and self._held[0].due <= now:
            dead = self._held.popleft()
            self._waiting.discard(dead.device_id)
            if not self._answers[dead.provider].stopped:
                self._backlog.add(dead)

    def _judge(self, provider: str, answers: _Answers, now: float) -> None:
        """While too many tokens are reported as dead, drop the waiting devices, as each may be alive."""
        stopped = answers.too_many(now)
        if stopped:
            self._waiting -= {dead.device_id for dead in self._held if dead.provider == provider}
            self._held = deque((dead for dead in self._held if dead.provider != provider), CAPACITY)
        if stopped and not answers.stopped:
            self._logger.error(
                "devices.removal_stopped",
                provider=provider,
                reason="too many tokens are refused as dead: check the key, the project and the environment",
            )
        answers.stopped = stopped

    async def _write(self, batch: Sequence[_Dead]) -> None:
        by_tenant: defaultdict[str, list[DeadDevice]] = defaultdict(list)
        for dead in batch:
            by_tenant[dead.tenant].append(DeadDevice(user_id=dead.user_id, device_id=dead.device_id))
        for tenant, devices in by_tenant.items():
            await self._report(tenant, devices)

    async def _report(self, tenant: str, devices: Sequence[DeadDevice]) -> None:
        content = msgspec.json.encode(DeadDeviceReport(list(devices)))
        try:
            answer = await self._users.post(PATH, tenant=tenant, content=content)
        except Transient as error:
            self._logger.warning("devices.removal_waits", error=type(error).__name__, devices=len(devices))
            raise
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise Transient("the users service asks to wait")
        if not answer.is_success:
            raise DevicesRefused(f"the users service answered {answer.status_code}")

    def _lost(self, dead: _Dead) -> None:
        self._logger.warning("devices.removal_lost", provider=dead.provider, user_id=str(dead.user_id))
