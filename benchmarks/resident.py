"""Clients of the load generator and the sink, which are processes that answer each line of input with a line."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.load import Job

ROOT = Path(__file__).parent.parent


class Resident:
    """A module of the benchmarks that runs as a process, with the same interpreter, until the end of the context."""

    module = ""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.module} ended")
        return line

    def write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def ask(self, line: str) -> Mapping[str, Any]:
        self.write(line)
        answer: Mapping[str, Any] = json.loads(self.read())
        if "error" in answer:
            raise RuntimeError(f"{self.module}: {answer['error']}")
        return answer


class Load(Resident):
    """The load generator, which runs jobs in sequence."""

    module = "benchmarks.load"

    def run(self, job: Job) -> Mapping[str, Any]:
        return self.ask(json.dumps(asdict(job)))


class Sink(Resident):
    """The sink, which receives mails at `port`."""

    module = "benchmarks.sink"

    def __init__(self) -> None:
        super().__init__()
        self.port = int(self.read())

    def reset(self) -> None:
        self.ask("reset")

    def report(self) -> Mapping[str, Any]:
        return self.ask("report")

    def wait(self, count: int, patience: float = 15.0) -> Mapping[str, Any]:
        """Return its report once `count` different mails have arrived, or none for `patience` seconds."""
        return self.ask(f"wait {count} {patience}")

    def wait_at_most(self, count: int, seconds: float) -> Mapping[str, Any]:
        """Return its report once `count` different mails have arrived, at the latest after `seconds`."""
        return self.ask(f"at_most {count} {seconds}")


class ApiSink(Sink):
    """A sink that receives messages at `port` through the APIs of Twilio and FCM."""

    module = "benchmarks.api_sink"


class Responder(Resident):
    """An HTTP server that only answers 202, to measure the limit of the load generator."""

    module = "benchmarks.responder"

    def __init__(self) -> None:
        super().__init__()
        self.port = int(self.read())


class Blaster(Resident):
    """An SMTP client that only sends prepared mails, to measure the limit of the sink."""

    module = "benchmarks.blaster"

    def run(self, port: int, count: int, connections: int) -> Mapping[str, Any]:
        return self.ask(f"{port} {count} {connections}")
