"""The base class of measured systems."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.accounting import cpu_seconds, family, resident_megabytes
from benchmarks.load import Job
from tests.support.servers.process import Process

_READY_WITHIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Target:
    """The address and body of requests. `item` is a body with the placeholders of `benchmarks.body`."""

    port: int
    path: str
    headers: Mapping[str, str]
    item: str
    choices: Sequence[str] = ()
    bulk_path: str | None = None


class System(ABC):
    """The processes of a measured system. `end_to_end`: a number of mails that it delivers in some seconds."""

    name = ""
    title = ""
    end_to_end = 600
    has_worker = True
    has_extremes = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._processes: dict[str, Process] = {}
        self._sent = 0

    @property
    @abstractmethod
    def target(self) -> Target:
        """The target of requests. Available after `start`."""

    @abstractmethod
    def start(self) -> None:
        """Start everything. Return once it is ready."""

    @abstractmethod
    def start_worker(self) -> None:
        """Start the worker without waiting until it is ready."""

    def pause_worker(self) -> None:
        """Pause the worker. Its connections stay open."""
        for name in self._workers():
            self._processes[name].freeze()

    def resume_worker(self) -> None:
        """End the pause."""
        for name in self._workers():
            self._processes[name].thaw()

    def add_worker(self) -> None:  # noqa: B027 - needed only by systems that are measured with two workers
        """Start a second worker. Return once it is ready."""

    def remove_worker(self) -> None:  # noqa: B027 - as above
        """End the second worker."""

    @abstractmethod
    def stop_worker(self) -> None:
        """Stop the worker and wait until it has ended."""

    def forget_waiting(self) -> None:  # noqa: B027 - optional
        """Discard the messages in the queue, if the system supports it. The worker is stopped."""

    def stop(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.terminate()

    def kill(self) -> None:
        """Kill all running processes."""
        for process in self._processes.values():
            process.thaw()
            process.kill()

    def job(self, *, connections: int, count: int, seconds: float = 3600.0, rate: float = 0.0, bulk: int = 0) -> Job:
        """A job with request numbers that were not used before."""
        target, start = self.target, self._sent
        self._sent += count * max(1, bulk)
        path = (target.bulk_path or target.path) if bulk else target.path
        headers, choices = target.headers, target.choices
        return Job(target.port, path, headers, target.item, choices, connections, count, seconds, rate, bulk, start)

    def logs(self, size: int = 2000) -> str:
        """The end of each process's log."""
        logs = {name: self.folder / f"{name}.log" for name in self._processes}
        return "\n".join(f"--- {self.name} {name}\n{log.read_text()[-size:]}" for name, log in logs.items())

    def pids(self) -> Mapping[str, int]:
        """The process ids, by process."""
        return {name: process.pid for name, process in self._processes.items()}

    def cpu(self) -> Mapping[str, float]:
        """The CPU seconds of each running process so far."""
        return {name: cpu_seconds(family(process.pid)) for name, process in self._processes.items()}

    def memory(self) -> Mapping[str, float]:
        """Resident megabytes of each process."""
        return {name: resident_megabytes(family(process.pid)) for name, process in self._processes.items()}

    def _workers(self) -> Sequence[str]:
        return [name for name in self._processes if name.startswith(("worker", "email"))]

    def _launch(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._processes[name] = Process(command, environment=environment, log=self.folder / f"{name}.log")

    def _wait_for(self, name: str, url: str) -> None:
        """Wait until `url` answers 200."""
        deadline = time.monotonic() + _READY_WITHIN
        with httpx2.Client(timeout=5, trust_env=False) as client:
            while True:
                try:
                    if client.get(url).status_code == httpx2.codes.OK:
                        return
                except httpx2.TransportError:
                    pass
                self._processes[name].check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.name}: {url} is not ready; see {self.folder}")
                time.sleep(0.05)
