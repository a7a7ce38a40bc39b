"""An engine with real parts in one process, and a provider and a directory that tests control."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TextIO
from uuid import UUID

import msgspec

from angarium.channels.registry import CHANNELS
from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.contracts.users import Contact, Preferences
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.devices import DeadDevices
from angarium.delivery.outcome import Outcome, Sent
from angarium.delivery.provider import Address, ImmediatePermit, Outbound, Provider
from angarium.delivery.routing import Router
from angarium.delivery.sending import Gate
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.directory.port import DirectoryUnavailable
from angarium.notifications.messages import work_message
from angarium.notifications.model import NewNotification
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Broker
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.tracing import Tracing
from angarium.rendering.renderer import Renderer
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime
from tests.support.wait import until

DELAYS = (timedelta(milliseconds=20), timedelta(milliseconds=40))
TEMPLATE = CompiledTemplate(
    template_id=UUID(int=1),
    tenant="default",
    code="welcome",
    version=1,
    language="en",
    required_variables=["name"],
    defaults={},
    category=None,
    delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
    retry_delays=None,
    locales={
        "en": ChannelSources(
            email={"subject": "Hello {{ name }}", "html": "<p>{{ name }}</p>", "text": "{{ name }}"},
            push={"title": "Hello", "body": "{{ name }}"},
        )
    },
)


@dataclass
class ScriptedProvider:
    """Returns the scripted outcome for each message, and records the messages."""

    script: Callable[[Outbound], Outcome] = lambda _: Sent("250 ok", "<id>")
    name: str = "scripted"
    received: list[Outbound] = field(default_factory=list)
    gate: asyncio.Event | None = None
    pool: asyncio.Semaphore | None = None
    """Limits concurrent permits; None: no limit."""
    waiting: int = 0

    @asynccontextmanager
    async def acquire(self, message: Outbound) -> AsyncIterator[ImmediatePermit]:
        if self.pool is None:
            yield ImmediatePermit(self.send, message)
            return
        self.waiting += 1
        try:
            await self.pool.acquire()
        finally:
            self.waiting -= 1
        try:
            yield ImmediatePermit(self.send, message)
        finally:
            self.pool.release()

    async def send(self, message: Outbound) -> Outcome:
        self.received.append(message)
        if self.gate is not None:
            await self.gate.wait()
        return self.script(message)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        return None


@dataclass
class PlatformProvider(ScriptedProvider):
    """Supports the devices of some platforms only. The first letter of a token is its service."""

    platforms: frozenset[str] = frozenset()

    def takes(self, address: Address) -> bool:
        return (address.platform or "fcm") in self.platforms

    def service(self, address: Address) -> str:
        return address.value[:1]


@dataclass
class Directory:
    """The users and templates of a test. With `down` set, all lookups fail."""

    users: dict[UUID, Contact] = field(default_factory=dict)
    templates: dict[str, CompiledTemplate] = field(default_factory=lambda: {"welcome": TEMPLATE})
    down: bool = False

    def _check(self) -> None:
        if self.down:
            raise DirectoryUnavailable

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        return None if self.down else self.users.get(user_id)

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        self._check()
        return self.users.get(user_id)

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        return {} if self.down else {user_id: self.users.get(user_id) for user_id in user_ids}

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[tuple[str, UUID], Contact | None]:
        return {
            (tenant, user_id): contact
            for tenant, user_ids in wanted.items()
            for user_id, contact in (await self.current(tenant, user_ids)).items()
        }

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        return None if self.down else self.templates.get(code)

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        return None if self.down else self.templates.get(code)

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        self._check()
        return self.templates.get(code)

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        self._check()
        return self.templates.get(code)

    def add_user(self, user_id: UUID, **fields: object) -> None:
        contact = Contact(
            user_id=user_id,
            name="Ann",
            email="ann@example.com",
            phone=None,
            devices=[],
            locale=None,
            timezone=None,
            preferences=Preferences(),
        )
        self.users[user_id] = msgspec.structs.replace(contact, **fields)


@dataclass
class Bench:
    """The parts that a test uses."""

    store: NotificationStore
    broker: Broker
    reader: NotificationReader
    publisher: OutboxPublisher
    provider: ScriptedProvider
    directory: Directory
    identifiers: Identifiers
    stop: asyncio.Event
    running: asyncio.Task[None]
    channel: Channel = Channel.EMAIL
    router: Router = field(kw_only=True)
    suppressions: SuppressionStore = field(kw_only=True)

    async def accept(self, count: int = 1, **fields: object) -> list[UUID]:
        """Accept and publish `count` notifications, as the gateway does."""
        plain = NewNotification(
            id=self.identifiers.new(),
            tenant="default",
            caller="test",
            request_id="",
            fingerprint=b"0",
            channel=self.channel,
            template_code="welcome",
            template_version=1,
            locale="en",
            priority=5,
            correlation_id="c-1",
            recipient='{"email": "ann@example.com"}',
            variables='{"name": "Ann"}',
        )
        new = []
        for _ in range(count):
            made = self.identifiers.new()
            new.append(msgspec.structs.replace(plain, id=made, request_id=str(made), **fields))
        await self.store.accept(new, outbox_lease=timedelta(seconds=10))
        await self.publisher.publish([work_message(one) for one in new])
        return [one.id for one in new]

    async def publish_outbox(self) -> list[UUID]:
        """Publish the waiting outbox rows, as the relay does."""
        messages = await self.store.lease_outbox(100, lease=timedelta(seconds=10))
        await self.publisher.publish(messages)
        return [message.key.subject for message in messages]

    async def status(self, notification_id: UUID) -> str:
        view = await self.reader.get("default", notification_id)
        assert view is not None
        return str(view.status)

    async def ends_as(self, notification_id: UUID, status: str) -> None:
        async def reached() -> bool:
            return await self.status(notification_id) == status

        await until(reached, message=f"never became {status}")


@asynccontextmanager
async def delivering(
    folder: Path,
    *,
    concurrency: int = 16,
    mandatory: frozenset[str] = frozenset(),
    unsubscribing: Unsubscribing | None = None,
    others: Sequence[Provider] = (),
    through: Callable[[NotificationStore], NotificationStore] = lambda store: store,
    log: TextIO | None = None,
    channel: Channel = Channel.EMAIL,
    first: Provider | None = None,
    devices: DeadDevices | None = None,
    failover_after: timedelta | None = None,
    listed: Callable[[SuppressionStore], SuppressionStore] = lambda suppressions: suppressions,
    gate: Gate | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Bench]:
    """A running engine for `channel` with SQLite and the memory broker. Its providers are `first` and `others`.

    `Bench.provider` is the first provider if it is scripted.

    `through` wraps the store for the engine; `listed` wraps the suppression list.
    """
    clock, logger = SystemClock(), make_logger("test", level="error", stream=log)
    url = f"sqlite:///{folder / 'notifications.sqlite3'}"
    sql = open_engine(url, pool_size=2)
    await upgraded(sql, MIGRATIONS)
    store = open_store(url, pool_size=2, clock=clock)
    broker = MemoryBroker(clock)
    provider = first if isinstance(first, ScriptedProvider) else ScriptedProvider()
    directory, stop = Directory(), asyncio.Event()
    runtime = a_runtime(clock=clock, logger=logger, tracing=tracing)
    suppressions = SuppressionStore(sql, clock, runtime.identifiers)
    parts = EngineParts(
        runtime=runtime,
        store=through(store),
        broker=broker,
        topology=build_topology(retry_delays=DELAYS),
        contacts=directory,
        templates=directory,
        renderer=Renderer(),
        worker="test:1",
        mandatory=mandatory,
        unsubscribing=unsubscribing,
        devices=devices,
        failover_after=failover_after,
        suppressions=listed(suppressions),
        never_paused=frozenset({*mandatory, "orders"}),
    )
    addresses_of = CHANNELS[channel].addresses_of
    kit = ChannelKit(channel, [first or provider, *others], addresses_of, lambda address: address, gate=gate)
    engine = build_engine(kit, parts, retry_delays=DELAYS, concurrency=concurrency, prefetch=64)
    await broker.declare(parts.topology)
    running = asyncio.create_task(engine.run(stop))
    publisher = OutboxPublisher(store=store, broker=broker, logger=logger)
    reader = NotificationReader(sql)
    try:
        yield Bench(
            store,
            broker,
            reader,
            publisher,
            provider,
            directory,
            parts.runtime.identifiers,
            stop,
            running,
            channel,
            router=engine._sending._router,
            suppressions=suppressions,
        )
    finally:
        stop.set()
        await running
        await broker.close()
        await store.close()
        await sql.dispose()
