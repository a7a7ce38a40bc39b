"""An engine in virtual time, with a manual clock, and a store and a broker in memory."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random
from typing import cast
from uuid import UUID, uuid4

import msgspec

from angarium.channels.email.address import addresses_of
from angarium.contracts.messages import WORK_EXCHANGE
from angarium.contracts.statuses import Channel, Status
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.engine import Engine
from angarium.delivery.outcome import Configuration, Outcome, Retry, Sent
from angarium.delivery.provider import ImmediatePermit, Outbound
from angarium.notifications.model import (
    Claimed,
    LeaseOf,
    NewDeadLetter,
    NothingToDo,
    NotNow,
    OutboxMessage,
    Renewed,
    Result,
    Verdict,
)
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Outgoing
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.rendering.renderer import Renderer
from tests.support.clock import ManualClock
from tests.support.delivering import DELAYS, Directory
from tests.support.runtime import a_runtime

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ROUND_TRIP = 0.003
"""Duration of every call to the store, in seconds."""


@dataclass
class Row:
    """The stored state of a notification."""

    template_code: str = "welcome"
    user_id: str | None = None
    """The id of its stored user; None if it has an address."""
    tenant: str = "default"
    status: Status = Status.PENDING
    attempt: int = 0
    token: UUID | None = None
    recorded: UUID | None = None
    """The claim token of the last result."""
    until: datetime = LONG_AGO
    """The end of the lease, or of the wait."""


class Rows:
    """The part of a NotificationStore that an engine uses: leases, waits and results, without durability."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.rows: dict[UUID, Row] = {}
        self.claims = 0
        """The number of claims granted so far."""
        self.letters: list[NewDeadLetter] = []

    def count(self, status: Status) -> int:
        return sum(row.status is status for row in self.rows.values())

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        await self._clock.sleep(ROUND_TRIP)
        return [self._claim(id_, token, lease) for id_ in ids]

    def _claim(self, id_: UUID, token: UUID, lease: timedelta) -> Verdict:
        row, now = self.rows.get(id_), self._clock.now()
        if row is None or row.status not in {Status.PENDING, Status.RETRYING, Status.SENDING}:
            return NothingToDo(id_, None if row is None else row.status)
        if now < row.until:
            return NotNow(id_, row.until - now)
        row.status, row.token, row.until = Status.SENDING, token, now + lease
        row.attempt += 1
        self.claims += 1
        return _claimed(id_, token, row, now)

    async def renew(self, leases: Collection[LeaseOf], *, lease: timedelta) -> Renewed:
        await self._clock.sleep(ROUND_TRIP)
        prolonged = [(id_, token) for id_, token in leases if self.rows[id_].token == token]
        for id_, _ in prolonged:
            self.rows[id_].until = self._clock.now() + lease
        return Renewed(prolonged, set(leases).difference(prolonged))

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        await self._clock.sleep(ROUND_TRIP)
        return [self._record(result) for result in results]

    def _record(self, result: Result) -> bool:
        row = self.rows[result.id]
        if row.recorded == result.claim_token:
            return True  # already written: a result is repeated if its answer was lost
        if row.token != result.claim_token:
            return False
        row.status, row.token, row.recorded = result.status, None, result.claim_token
        row.attempt -= not result.burns_attempt
        row.until = self._clock.now() + (result.wait or timedelta(0))
        return True

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        return []

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        await self._clock.sleep(ROUND_TRIP)
        self.letters.extend(letters)

    async def confirm_outbox(self, keys: object) -> None:
        await self._clock.sleep(ROUND_TRIP)


def _claimed(id_: UUID, token: UUID, row: Row, now: datetime) -> Claimed:
    return Claimed(
        id=id_,
        claim_token=token,
        attempt=row.attempt,
        tenant=row.tenant,
        request_id=str(id_),
        channel=Channel.EMAIL,
        user_id=row.user_id,
        recipient=None if row.user_id else {"email": "ann@example.com"},
        template_code=row.template_code,
        template_version=1,
        locale="en",
        category=None,
        priority=5,
        variables={"name": "Ann"},
        correlation_id="c-1",
        traceparent=None,
        policy="at_least_once",  # type: ignore[arg-type]  # as the store gives it
        expired=False,
        expires_at=None,
        created_at=now,
    )


@dataclass
class TimedProvider:
    """A provider whose sends take between 0.5 and 1.5 times `seconds`."""

    clock: ManualClock
    seconds: float = 0.3
    name: str = "timed"
    begun: list[UUID] = field(default_factory=list)
    refused: set[UUID] = field(default_factory=set)
    """Notifications that get a retryable answer."""
    misconfigured: bool = False
    """Whether the provider refuses the credentials."""
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - no secret

    def acquire(self, message: Outbound) -> ImmediatePermit:
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        self.begun.append(message.notification_id)
        await self.clock.sleep(self.seconds * self.random.uniform(0.5, 1.5))
        if self.misconfigured:
            return Configuration("535 authentication failed")
        return Retry("451 later", provider_fault=False) if message.notification_id in self.refused else Sent("250 ok")

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None


@dataclass
class VirtualBench:
    """The parts that a test uses."""

    clock: ManualClock
    store: Rows
    broker: MemoryBroker
    provider: TimedProvider
    directory: Directory
    engine: Engine
    stop: asyncio.Event
    log: StringIO
    metrics: Metrics

    async def publish(
        self, lane: str, count: int = 1, *, template_code: str = "welcome", user_id: str | None = None
    ) -> list[UUID]:
        """Publish `count` accepted notifications to `lane`, all at the same time."""
        made = [uuid4() for _ in range(count)]
        self.store.rows.update({id_: Row(template_code, user_id) for id_ in made})
        await self.broker.publish([Outgoing(WORK_EXCHANGE, lane, _body(id_), str(id_)) for id_ in made])
        return made

    def sent(self, made: Collection[UUID]) -> int:
        """The number of these notifications that are recorded as sent."""
        return sum(self.store.rows[id_].status is Status.SENT for id_ in made)


def _body(notification_id: UUID) -> bytes:
    pointer = {"schema_version": 1, "notification_id": str(notification_id), "request_id": str(notification_id)}
    return msgspec.json.encode({**pointer, "tenant": "default", "template_code": "welcome"})


@asynccontextmanager
async def virtual_engine(*, concurrency: int = 128, prefetch: int = 256) -> AsyncIterator[VirtualBench]:
    """A running engine for email. `clock.advance` advances its time."""
    clock, log = ManualClock(), StringIO()
    store, broker, provider, directory = Rows(clock), MemoryBroker(clock), TimedProvider(clock), Directory()
    runtime = a_runtime(clock=clock, logger=make_logger("test", format="json", level="error", stream=log))
    parts = EngineParts(
        runtime=runtime,
        store=cast("NotificationStore", store),
        broker=broker,
        topology=build_topology(retry_delays=DELAYS),
        contacts=directory,
        templates=directory,
        renderer=Renderer(),
        worker="test:1",
    )
    kit = ChannelKit(Channel.EMAIL, [provider], addresses_of, lambda address: address)
    engine = build_engine(kit, parts, retry_delays=DELAYS, concurrency=concurrency, prefetch=prefetch)
    await broker.declare(parts.topology)
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(stop))
    await clock.advance(0.01)
    try:
        yield VirtualBench(clock, store, broker, provider, directory, engine, stop, log, runtime.metrics)
    finally:
        stop.set()
        ending = asyncio.create_task(_pass_time(clock))
        await running
        ending.cancel()
        await broker.close()


async def _pass_time(clock: ManualClock) -> None:
    while True:
        await clock.advance(0.5)
