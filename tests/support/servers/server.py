"""The base class of private servers."""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers.ports import free_port
from tests.support.servers.process import Process

_READY_WITHIN = 90.0  # seconds; a loaded machine with two cores starts RabbitMQ in about 20


class Server(ABC):
    """A private instance on 127.0.0.1. It keeps its port and data when it is stopped, killed and started.

    As a context manager it starts, and ends in any case. The asynchronous methods do not block the event loop and are
    not bound to one, so an instance can be used for a whole test run.
    """

    end_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = folder / "server.log"
        self._process: Process | None = None
        self._frozen = False
        folder.mkdir(parents=True)

    @property
    @abstractmethod
    def url(self) -> str:
        """Its URL with credentials."""

    @property
    def pid(self) -> int:
        """The id of the process that was started last. An instance may have several processes."""
        assert self._process is not None, "not started"
        return self._process.pid

    async def start(self) -> None:
        """Start it if it does not run, thaw it if it is frozen, and return once it answers."""
        await asyncio.to_thread(self.start_now)

    async def stop(self) -> None:
        """Stop it as an operator would. It keeps its data."""
        await asyncio.to_thread(self.stop_now)

    async def kill(self) -> None:
        """Kill all its processes (SIGKILL). Nothing is flushed; data that was not on disk is lost."""
        await asyncio.to_thread(self._kill)

    async def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        if self._process and self._process.running:
            self._process.freeze()
            self._frozen = True

    async def thaw(self) -> None:
        """SIGCONT."""
        self._thaw()

    def start_now(self) -> None:
        """As `start`, for fixtures without an event loop."""
        self._thaw()
        if self._process and self._process.running:
            return
        if not self._prepared:
            self._prepare()
        self._process = self._launch()
        self._wait_until_it_answers(self._process)

    def stop_now(self) -> None:
        """As `stop`, for fixtures without an event loop."""
        self._thaw()
        if self._process:
            self._process.terminate(self.end_signal)

    def __enter__(self) -> Self:
        """Start it."""
        self.start_now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, even if it is frozen."""
        self._kill_everything()

    @property
    def _prepared(self) -> bool:
        return self._process is not None

    @abstractmethod
    def _prepare(self) -> None:
        """Create the data folder. Called once, before the first start."""

    @abstractmethod
    def _launch(self) -> Process:
        """Start the process without waiting."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it serves clients."""

    def _wait_until_it_answers(self, process: Process) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            process.check()
            if time.monotonic() > deadline:
                self._kill()
                raise TimeoutError(f"{type(self).__name__} does not answer after {_READY_WITHIN} s: see {self.log}")
            time.sleep(0.05)

    def _kill_everything(self) -> None:
        self._kill()

    def _thaw(self) -> None:
        if self._process and self._frozen:
            self._process.thaw()
        self._frozen = False

    def _kill(self) -> None:
        self._frozen = False
        if self._process:
            self._process.kill()
