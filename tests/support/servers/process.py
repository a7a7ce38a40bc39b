"""A process and its descendants, which are stopped, killed and frozen together, always by pid."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.servers import family


class ProcessEnded(Exception):
    """The process ended although it should be running."""


class Process:
    """A child process with a guard that kills it if the test process is killed."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        account: pwd.struct_passwd | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own command, no shell
                list(command),
                env=dict(environment),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must reach the test process only
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        self._log = log
        self._guard = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-I", family.__file__, str(self.pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    @property
    def pid(self) -> int:
        """The process id; descendants have their own."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process itself is running."""
        return self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal's number; None while it runs."""
        return self._child.poll()

    def check(self) -> None:
        """Raise ProcessEnded, with the end of its log, if it does not run."""
        if not self.running:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise ProcessEnded(f"{self._child.args!r} ended with {self._child.returncode}:\n{tail}")

    def wait(self) -> None:
        """Wait until it exits with 0; otherwise raise ProcessEnded with the end of its log."""
        self._child.wait(timeout=120)
        self._dismiss_guard()
        if self._child.returncode:
            self.check()

    def terminate(self, signal_number: signal.Signals = signal.SIGTERM, patience: float = 30.0) -> None:
        """Send the signal; after `patience` seconds kill the processes that still run."""
        members = self._family()
        self.thaw()
        with suppress(ProcessLookupError):
            self._child.send_signal(signal_number)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(patience)
        self._end(members)

    def kill(self) -> None:
        """Kill it and all descendants immediately, as a power cut would."""
        self._end(self._family())

    def freeze(self) -> None:
        """Freeze it and all descendants (SIGSTOP). Their connections stay open."""
        self._signal(self._family(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue frozen processes (SIGCONT)."""
        self._signal(self._family(), signal.SIGCONT)

    def _end(self, members: Sequence[int]) -> None:
        self._signal(members, signal.SIGKILL)
        self._child.wait()
        deadline = time.monotonic() + 10
        while any(family.alive(pid) for pid in members) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        if self._guard.poll() is None:
            self._guard.communicate(b"ended")

    def _family(self) -> list[int]:
        return [self.pid, *family.descendants(self.pid)] if self.running else []

    @staticmethod
    def _signal(members: Sequence[int], signal_number: signal.Signals) -> None:
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)
