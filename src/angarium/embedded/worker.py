"""A worker process of the embedded system: the engines of some channels, over a link to its parent.

It has the notification database in common with its parent, and nothing else. The broker and the services are in the
parent. When the link ends, the parent has ended: the worker finishes what it is sending, records it, and ends.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import msgspec

from angarium.contracts.errors import AngariumError
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import EngineParts
from angarium.delivery.engine import Engine
from angarium.delivery.process import Parent, keep_delivering, moves_on, open_worker
from angarium.delivery.settings import WorkerSettings
from angarium.directory.port import Contacts
from angarium.embedded.contacts import LinkedStoredContacts, LocalContacts
from angarium.embedded.engines import open_engines
from angarium.platform.broker.linked.broker import LinkedBroker
from angarium.platform.broker.port import Broker
from angarium.platform.broker.tracing import TracedBroker
from angarium.platform.http.client.linked import LinkedExchange
from angarium.platform.link.link import Link
from angarium.platform.runtime import Runtime, build_runtime
from angarium.platform.telemetry.logging import Logger, make_logger
from angarium.platform.telemetry.tracing_opening import open_tracing

BEGIN: Final = "worker.begin"
"""A question of the parent, with an `Assignment`; answered once the engines are open."""
PROBLEM: Final = "worker.problem"
METRICS: Final = "worker.metrics"
"""Questions of the parent: why delivery does not progress (None: it does), and the metrics' exposition."""
STOP: Final = "worker.stop"
"""A message of the parent."""


class Assignment(msgspec.Struct, array_like=True, frozen=True):
    """The work of one worker. `local_url`: as in `open_embedded`."""

    channels: Sequence[Channel]
    local_url: str | None


async def run_embedded_worker(
    connection: socket.socket, settings: WorkerSettings, *, name: str, logger: Logger, stop: asyncio.Event
) -> None:
    """Deliver what the parent assigns until it stops this process or ends, or `stop` is set."""
    link = await Link.over(connection, logger)
    worker = _Worker(link, settings, name, logger, stop)
    link.receive(STOP, lambda _: stop.set())
    link.at_end(stop.set)
    link.answer(BEGIN, worker.begin)
    try:
        await worker.run()
    finally:
        await link.close()


async def refuse_to_begin(connection: socket.socket, reason: AngariumError) -> None:
    """Answer the parent's assignment with `reason`, and return once the parent has closed the link."""

    async def begin(_: bytes) -> bytes:
        raise reason

    link = await Link.over(connection, make_logger("worker", fast_paths=False))
    link.answer(BEGIN, begin)
    await link.closed.wait()


class _Worker:
    def __init__(self, link: Link, settings: WorkerSettings, name: str, logger: Logger, stop: asyncio.Event) -> None:
        self._link = link
        self._settings = settings
        self._name = name
        self._logger = logger
        self._stop = stop
        self._assigned: asyncio.Future[Assignment] = asyncio.get_running_loop().create_future()
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, payload: bytes) -> bytes:
        """Answer BEGIN. Raises SettingsError."""
        self._assigned.set_result(msgspec.msgpack.decode(payload, type=Assignment))
        await self._begun
        return b""

    async def run(self) -> None:
        """Wait for the assignment, then deliver until the end."""
        stopped = asyncio.create_task(self._stop.wait())
        first: set[asyncio.Future[Any]] = {self._assigned, stopped}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if self._assigned.done():
            async with AsyncExitStack() as stack:
                try:
                    parts, engines = await self._open(self._assigned.result(), stack)
                except AngariumError as error:
                    self._begun.set_exception(error)  # the parent reports it
                    await stopped
                    return
                self._begun.set_result(None)
                await asyncio.gather(*(keep_delivering(engine, parts, self._stop) for engine in engines), stopped)
        stopped.cancel()

    async def _open(self, assigned: Assignment, stack: AsyncExitStack) -> tuple[EngineParts, Sequence[Engine]]:
        link, logger = self._link, self._logger
        tracing = await open_tracing(f"angarium-{self._name}", logger, stack, os.environ)
        runtime = build_runtime(logger, tracing=tracing)
        broker: Broker = LinkedBroker(link)
        stack.push_async_callback(broker.close)
        if tracing is not None:
            broker = TracedBroker(broker, tracing, system="memory")
        parent = Parent(
            broker=broker,
            exchange_with=partial(LinkedExchange, link),
            contacts=self._contacts,
            local_url=assigned.local_url,
        )
        opened = await open_worker(self._settings, runtime, stack, parent=parent)
        engines = open_engines(self._settings, opened.engine, opened.gateway, stack, assigned.channels)
        self._answer_questions(engines, runtime)
        return opened.engine, engines

    def _contacts(self, through_service: Contacts) -> Contacts:
        fast = self._settings.fast
        return LocalContacts(LinkedStoredContacts(self._link), through_service) if fast else through_service

    def _answer_questions(self, engines: Sequence[Engine], runtime: Runtime) -> None:
        check = moves_on(engines)

        async def problem(_: bytes) -> bytes:
            return msgspec.msgpack.encode(await check())

        async def metrics(_: bytes) -> bytes:
            return runtime.metrics.render()

        self._link.answer(PROBLEM, problem)
        self._link.answer(METRICS, metrics)
