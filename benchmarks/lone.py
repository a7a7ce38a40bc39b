"""Measures how long each step of a single notification takes, at 50 notifications a second.

Each step runs the product's code in this process. Every step except the last calls another process and waits for it.
The first line is a call that does nothing.

    .venv/bin/python -m benchmarks.lone
"""

import asyncio
import io
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from uuid import UUID

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.contracts.messages import work_queue
from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Address, Outbound
from angarium.directory.contacts import RestContacts
from angarium.notifications.messages import work_message
from angarium.notifications.model import NewNotification
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.open import open_store
from angarium.notifications.topology import build_topology
from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.clock import SystemClock
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.content import EmailContent
from benchmarks.angarium import Distributed
from benchmarks.document import keep_section
from benchmarks.resident import Sink
from benchmarks.servers import private_servers
from benchmarks.statistics import percentile, shown

COUNT = 250
EVERY = 0.02  # seconds
_WARM = 25
_LEASE = timedelta(seconds=60)
_TEXT = "Hello Ada Lovelace, your order left us today. It comes to London."

Step = Callable[[], Awaitable[object]]


class Lone:
    """The steps of one notification through the product's adapters."""

    def __init__(self, system: Distributed, sink_port: int, user_id: UUID) -> None:
        clock, logger = SystemClock(), make_logger("lone", stream=io.StringIO())
        settings = system.settings
        self._identifiers = Identifiers(clock)
        self._bare = PostgresqlPool(settings["NOTIFICATIONS_DATABASE_URL"], size=1)
        self._store = open_store(settings["NOTIFICATIONS_DATABASE_URL"], pool_size=2, clock=clock)
        self._broker = RabbitMQBroker(settings["BROKER_URL"], clock=clock, logger=logger)
        self._publisher = OutboxPublisher(store=self._store, broker=self._broker, logger=logger)
        users = ServiceClient(settings["USERS_URL"], service_token=settings["SERVICE_TOKEN"], name="users", clock=clock)
        self._contacts = RestContacts(users, MemoryCache(clock), clock)
        url = ProviderUrl("smtp", host="127.0.0.1", port=sink_port, options={"tls": "off"})
        self._smtp = from_url(url, sender=Sender.parse("notify@angarium.example"), clock=clock, logger=logger)
        self._user_id = user_id
        self._closing = (self._smtp.close, users.close, self._broker.close, self._store.close, self._bare.close)

    async def run(self) -> Mapping[str, list[float]]:
        """Run and return the milliseconds of each step."""
        async with AsyncExitStack() as stack:
            for close in self._closing:
                stack.push_async_callback(close)
            await self._broker.declare(build_topology(retry_delays=()))
            self._queue = await stack.enter_async_context(self._broker.consume(work_queue(Channel.EMAIL), prefetch=8))
            times: dict[str, list[float]] = {}
            for number in range(COUNT + _WARM):
                await asyncio.sleep(EVERY)
                for name, step in self._steps().items():
                    taken = await _timed(step)
                    if number >= _WARM:
                        times.setdefault(name, []).append(taken)
            return times

    def _steps(self) -> Mapping[str, Step]:
        new = self._new()
        return {
            "a question to PostgreSQL without an answer": lambda: self._bare.fetch("SELECT WHERE false"),
            "accept: one statement, one commit": lambda: self._store.accept([new], outbox_lease=_LEASE),
            "publish until the worker's process has it": lambda: self._through_the_broker(new),
            "claim: one statement, one commit": lambda: self._claim(new),
            "contact, asked of the users service": lambda: self._contacts.current(new.tenant, [self._user_id]),
            "mail: two round trips of SMTP": lambda: self._smtp.send(self._mail(new)),
        }

    def _new(self) -> NewNotification:
        identifier = self._identifiers.new()
        return NewNotification(
            id=identifier,
            tenant="default",
            caller="lone",
            request_id=str(identifier),
            fingerprint=b"f" * 32,
            channel=Channel.EMAIL,
            template_code="bench",
            template_version=1,
            locale="en",
            priority=5,
            correlation_id=str(identifier),
            user_id=str(self._user_id),
            variables='{"name":"Ada Lovelace","city":"London"}',
        )

    async def _through_the_broker(self, new: NewNotification) -> None:
        publishing = asyncio.create_task(self._publisher.publish([work_message(new)]))
        deliveries = await self._queue.receive(8)
        await self._queue.ack(deliveries)
        self._published = publishing

    async def _claim(self, new: NewNotification) -> None:
        await self._store.claim([new.id], token=self._identifiers.new(), lease=_LEASE, worker="lone")
        await self._published

    def _mail(self, new: NewNotification) -> Outbound:
        return Outbound(
            notification_id=new.id,
            tenant=new.tenant,
            channel=Channel.EMAIL,
            attempt=1,
            message_key=str(new.id),
            address=Address("ada@example.com"),
            content=EmailContent("Your order is on its way", None, _TEXT),
        )


async def _timed(step: Step) -> float:
    began = time.perf_counter()
    await step()
    return (time.perf_counter() - began) * 1e3


def lone_table(times: Mapping[str, Sequence[float]]) -> str:
    """Percentiles of each step."""
    lines = ["| step, ms | p50 | p99 |", "|---|---|---|"]
    lines += [
        f"| {name} | {shown(percentile(taken, 0.5))} | {shown(percentile(taken, 0.99))} |"
        for name, taken in times.items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, store and print the table."""
    with ExitStack() as stack:
        folder, servers = stack.enter_context(private_servers())
        sink = stack.enter_context(Sink())
        system = Distributed(folder / "angarium", sink_port=sink.port, servers=servers)
        stack.callback(system.kill)
        system.start()
        system.stop_worker()
        table = lone_table(asyncio.run(Lone(system, sink.port, UUID(system.target.choices[0])).run()))
    keep_section("lone", table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
