"""The embedded system as a process: its server, what delivers beside it, and its shutdown."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack, closing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from angarium.delivery.process import keep_delivering
from angarium.embedded.composition import Embedded, EmbeddedSettings, open_embedded
from angarium.embedded.workers import Given, WorkerProcesses, Workers
from angarium.platform.clock import SystemClock
from angarium.platform.folders import only_process
from angarium.platform.http.server.server import reserve, serve
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing_opening import open_tracing
from angarium.services.gateway.dashboard.signing_in.error_pages import SIGN_IN


@dataclass(frozen=True, slots=True)
class Started:
    """The ports of an embedded system. `smtp_port` is the mailbox's; None without one.

    `sign_in`: a one-time path that signs in to the dashboard on this machine; None in production.
    """

    address: str
    api_key: str | None = field(repr=False)
    smtp_port: int | None
    sign_in: str | None = field(default=None, repr=False)


Listening = Callable[[Started], Coroutine[Any, Any, None]]
"""Called once requests are accepted."""


async def run_embedded(
    settings: EmbeddedSettings,
    *,
    logger: Logger,
    stop: asyncio.Event,
    listening: Listening | None = None,
    workers: WorkerProcesses | None = None,
) -> None:
    """Serve and deliver until `stop` is set, then finish the work in progress.

    With `workers` other processes deliver. Raises SettingsError, and AngariumError for a worker that does not start.
    """
    own = settings.gateway
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(closing(reserve(own)))
        stack.enter_context(_alone(settings))
        tracing = await open_tracing("angarium", logger, stack, os.environ)
        launched = None if workers is None else await _launched(workers, logger, stack)
        local_url = None if own.production else own.address(listener.getsockname()[1])  # of links in mails
        delivering = launched is None
        opening = open_embedded(settings, logger=logger, tracing=tracing, local_url=local_url, delivering=delivering)
        system = await stack.enter_async_context(opening)
        running = _Running(system, settings, logger=logger, stop=stop, listening=listening)
        if launched is not None:
            await running.start_workers(launched, stack)
        await running.serve(listener)


async def _launched(processes: WorkerProcesses, logger: Logger, stack: AsyncExitStack) -> Workers:
    """The workers, which start up while the databases are migrated and the system is opened."""
    workers = Workers(processes, clock=SystemClock(), logger=logger)
    stack.push_async_callback(workers.close)
    await workers.launch()
    return workers


def _alone(settings: EmbeddedSettings) -> AbstractContextManager[None]:
    """Lock the data folder: a second process on the same files would use stale cached copies."""
    parts = (settings.gateway, settings.worker, settings.users, settings.templates)
    if not any(part.uses_data_dir() for part in parts):
        return nullcontext()
    return only_process(settings.gateway.data_dir, setting="ANGARIUM_DATA_DIR")


class _Running:
    """One run of the system: its server and what delivers beside it."""

    def __init__(
        self,
        system: Embedded,
        settings: EmbeddedSettings,
        *,
        logger: Logger,
        stop: asyncio.Event,
        listening: Listening | None,
    ) -> None:
        self._system = system
        self._own = settings.gateway
        self._logger = logger
        self._stop = stop
        self._listening = listening
        self._deliveries: list[Coroutine[Any, Any, None]] = [
            keep_delivering(engine, system.parts, stop) for engine in system.engines
        ]

    async def start_workers(self, workers: Workers, stack: AsyncExitStack) -> None:
        """Have `workers` deliver. They are stopped with `stack`, at the latest, before the system is closed."""
        parts = self._system.parts
        given = Given(parts.broker, self._system.services, self._system.contacts, self._system.local_url)
        stack.push_async_callback(workers.close)
        await workers.start(given)
        self._system.health.add("delivery", workers.problem)
        parts.runtime.metrics.beside = workers.expositions
        self._deliveries.append(workers.keep(given, self._stop))

    async def serve(self, listener: socket.socket) -> None:
        """Serve until `stop` is set, then finish."""
        own, system = self._own, self._system
        async with asyncio.TaskGroup() as tasks:
            for delivery in self._deliveries:
                tasks.create_task(delivery)

            def started(port: int) -> None:
                if self._listening is not None:
                    link = None if own.production else f"{SIGN_IN}/{system.sign_in_link()}"
                    about = Started(own.address(port), system.api_key, system.smtp_port, link)
                    tasks.create_task(self._listening(about))

            await serve(
                system.app,
                settings=own,
                port=own.port,
                logger=self._logger,
                stop=self._stop,
                listening=started,
                listener=listener,
                stopping=system.end_streams,
            )
            self._stop.set()
