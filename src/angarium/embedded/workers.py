"""The worker processes of the embedded system, as their parent sees them: started, asked, restarted, stopped.

A channel's engine runs in exactly one worker, so that what an engine keeps in memory (slots, permits, the limits of
SMS) is counted as in one process.
"""

import asyncio
import socket
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from angarium.contracts.errors import AngariumError, SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.engine import DRAIN
from angarium.embedded.contacts import StoredContacts, serve_contacts
from angarium.embedded.worker import BEGIN, METRICS, PROBLEM, STOP, Assignment
from angarium.platform.broker.linked.serving import BrokerServer
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock
from angarium.platform.http.client.exchange import Exchange
from angarium.platform.http.client.linked import serve_calls
from angarium.platform.link.link import Link, LinkClosed, Refused
from angarium.platform.loop import first_of
from angarium.platform.telemetry.logging import Logger

MOST_WORKERS = len(Channel)
START_SECONDS = 60.0
"""Upper bound of a worker's start-up time, also on a busy machine."""
STOP_SECONDS = DRAIN.total_seconds() + 2.0
"""Upper bound of its shutdown, after which it is killed; its sends in flight are left to their leases."""
GIVEN_UP_SECONDS = 5.0
"""How long a process that failed, or took too long, may take to end after its link was closed."""
ANSWER_SECONDS = 1.5
"""A worker that takes longer to answer is reported as not ready. Shorter than the check of readiness."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Bounds of the pause before a restart, in seconds. It doubles with each restart in a row."""
STEADY_SECONDS = 60.0
"""A worker that ran for longer is restarted after the first pause."""


@dataclass(frozen=True, slots=True)
class WorkerProcesses:
    """How many there are, 1 to `MOST_WORKERS`, and the command that starts one.

    Its name and the number of an inherited socket are appended to the command, which calls `run_embedded_worker` with
    the settings of this process.
    """

    count: int
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Given:
    """What the parent gives to its workers."""

    broker: Broker
    services: Mapping[str, Exchange]
    contacts: StoredContacts
    local_url: str | None


class Workers:
    """All workers. They exist from `launch` or `start` until the end of `keep`, or until `close`."""

    def __init__(self, processes: WorkerProcesses, *, clock: Clock, logger: Logger) -> None:
        channels = list(Channel)
        self._workers = [
            _Worker(f"worker-{place + 1}", channels[place :: processes.count], processes.command, clock, logger)
            for place in range(processes.count)
        ]

    async def launch(self) -> None:
        """Launch the processes, which import what they need and wait for `start`. Raises AngariumError."""
        await _all(worker.launch() for worker in self._workers)

    async def start(self, given: Given) -> None:
        """Start every worker; return once all deliver.

        Raises SettingsError, and AngariumError for one that does not start; then none is left.
        """
        try:
            await _all(worker.start(given) for worker in self._workers)
        except BaseException:
            await self.close()
            raise

    async def keep(self, given: Given, stop: asyncio.Event) -> None:
        """Restart workers that end, until `stop` is set; then return once all have finished what they were sending."""
        await _all(worker.keep(given, stop) for worker in self._workers)

    async def problem(self) -> str | None:
        """Why delivery does not progress, by worker; None if all do."""
        found = await asyncio.gather(*(worker.problem() for worker in self._workers))
        return "; ".join(problem for problem in found if problem is not None) or None

    async def expositions(self) -> Mapping[str, bytes]:
        """The metrics of each worker that answers, by its name."""
        found = await asyncio.gather(*(worker.exposition() for worker in self._workers))
        return {worker.name: text for worker, text in zip(self._workers, found, strict=True) if text is not None}

    async def close(self) -> None:
        """Stop what still runs. Idempotent."""
        await _all(worker.stop() for worker in self._workers)


class _Worker:
    def __init__(
        self, name: str, channels: Sequence[Channel], command: Sequence[str], clock: Clock, logger: Logger
    ) -> None:
        self.name = name
        self._channels = channels
        self._command = command
        self._clock = clock
        self._logger = logger
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link | None = None
        self._broker: BrokerServer | None = None

    async def launch(self) -> None:
        """Launch the process, with a link to it. Raises AngariumError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # A session of its own: Ctrl-C goes to the parent, which stops its workers once.
                self._process = await asyncio.create_subprocess_exec(
                    *(*self._command, self.name, str(theirs.fileno())),
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise self._failed(type(error).__name__) from error
        self._link = await Link.over(ours, self._logger)

    async def start(self, given: Given) -> None:
        """Have the process deliver, launched now or before. Raises SettingsError and AngariumError."""
        if self._process is None or self._link is None:
            await self.launch()
        process, link = self._process, self._link
        assert process is not None  # noqa: S101 - for the type checker; it was launched
        assert link is not None  # noqa: S101 - likewise
        self._broker = BrokerServer(given.broker, link)
        serve_calls(link, given.services)
        serve_contacts(link, given.contacts)
        try:
            await self._begin(link, given)
        except BaseException:
            await self._give_up()
            raise
        self._logger.info("worker.started", worker=self.name, process=process.pid, channels=self._channels)

    async def keep(self, given: Given, stop: asyncio.Event) -> None:
        """Restart the process whenever it ends, until `stop` is set; then stop it."""
        pause = FIRST_PAUSE
        while True:
            if self._process is not None:
                began = self._clock.monotonic()
                await first_of(self._process.wait(), stop.wait())
                if stop.is_set():
                    break
                if self._clock.monotonic() - began > STEADY_SECONDS:
                    pause = FIRST_PAUSE
                code = await self._give_up()
                self._logger.error("worker.ended", worker=self.name, exit_code=code, restart_in_seconds=pause)
            await first_of(self._clock.sleep(pause), stop.wait())
            if stop.is_set():
                break
            pause = min(2 * pause, LONGEST_PAUSE)
            await self._restart(given, pause)
        await self.stop()

    async def stop(self) -> None:
        """Let the process finish what it is sending; kill it if that takes too long. Idempotent."""
        if self._process is not None and self._link is not None and self._broker is not None:
            self._link.tell(STOP)
            await self._ends_within(self._process, STOP_SECONDS)
        await self._give_up()

    async def problem(self) -> str | None:
        """Why its channels do not progress."""
        try:
            return msgspec.msgpack.decode(await self._ask(PROBLEM), type=str | None)
        except (AngariumError, TimeoutError) as error:
            why = "does not answer" if isinstance(error, TimeoutError) else "is not running"
            return f"{self.name} ({', '.join(self._channels)}) {why}"

    async def exposition(self) -> bytes | None:
        """Its metrics; None if it does not answer."""
        with suppress(AngariumError, TimeoutError):
            return await self._ask(METRICS)
        return None

    async def _begin(self, link: Link, given: Given) -> None:
        assigned = msgspec.msgpack.encode(Assignment(self._channels, given.local_url))
        try:
            async with asyncio.timeout(START_SECONDS):
                await link.ask(BEGIN, assigned)
        except Refused as error:
            raise SettingsError(error.message) if error.name == "SettingsError" else self._failed(str(error)) from error
        except LinkClosed as error:
            raise self._failed(f"it ended with exit status {await self._give_up()}") from error
        except TimeoutError as error:
            raise self._failed(f"it was not ready after {START_SECONDS:g} s") from error

    def _failed(self, reason: str) -> AngariumError:
        return AngariumError(f"{self.name} did not start: {reason}")

    async def _restart(self, given: Given, pause: float) -> None:
        try:
            await self.start(given)
        except AngariumError as error:
            reason = str(error)
            self._logger.error("worker.start_failed", worker=self.name, reason=reason, restart_in_seconds=pause)  # noqa: TRY400 - one line

    async def _ask(self, topic: str) -> bytes:
        if self._link is None:
            raise LinkClosed
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._link.ask(topic)

    async def _give_up(self) -> int | None:
        """Close the link, which ends the process, and requeue its messages. Returns the exit status."""
        process, link, broker = self._process, self._link, self._broker
        self._process = self._link = self._broker = None
        if broker is not None:
            await broker.close()
        elif process is not None:  # it has nothing to finish
            with suppress(ProcessLookupError):
                process.kill()
        if link is not None:
            await link.close()
        if process is None:
            return None
        if not await self._ends_within(process, GIVEN_UP_SECONDS):
            self._logger.error("worker.killed", worker=self.name)
            with suppress(ProcessLookupError):
                process.kill()
        return await process.wait()

    async def _ends_within(self, process: asyncio.subprocess.Process, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            return False
        return True


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Run all to their ends, then raise the first error."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error
