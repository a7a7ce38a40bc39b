"""Where log lines go: a stream and, where a folder is set, `combined.log` and `error.log`.

A sink never raises and never grows: what a full disk or a closed stream does not take is lost.
"""

import asyncio
import os
import re
import threading
import weakref
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO
from uuid import UUID

import msgspec
import structlog
from structlog.typing import EventDict

from angarium.contracts.fields import rfc3339

MOST_WAITING = 256
"""Lines that wait for the end of a turn."""
_CAN_WAIT = frozenset({"debug", "info"})
_GRAVE = frozenset({"error", "critical"})
_ENCODER = msgspec.json.Encoder(enc_hook=str)

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys or hides by; a tab and a new line are left, as traces have them."""


class LineFile:
    """Appends whole lines to a file; several processes may share it (`O_APPEND`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open_file: _Descriptor | None = None

    def write(self, line: bytes) -> None:
        """Append `line`; opens the file anew when it failed before."""
        try:
            if self._open_file is None:
                self._open_file = _Descriptor(self._path)
            os.write(self._open_file.number, line)
        except OSError:
            self._open_file = None


class _Descriptor:
    """A file open for appending, closed when nothing refers to it any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        weakref.finalize(self, _close, self.number)


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


class Sinks:
    """What the structured logger writes to.

    Lines below a warning that are logged in one turn of the event loop are written together when it ends; a warning
    or worse, a line outside of any loop and the one that fills the memory are written at once, after those that wait.
    What still waits when the process ends is written then.
    """

    def __init__(self, stream: TextIO, log_dir: Path | None, *, pretty: bool) -> None:
        self._render = structlog.dev.ConsoleRenderer(colors=True) if pretty else None
        self._errors: LineFile | None = None
        combined: LineFile | None = None
        if log_dir is not None:
            with suppress(OSError):
                log_dir.mkdir(parents=True, exist_ok=True)
            combined = LineFile(log_dir / "combined.log")
            self._errors = LineFile(log_dir / "error.log")
        self._waiting = _Waiting(stream, combined)
        self._turn: asyncio.AbstractEventLoop | None = None
        weakref.finalize(self, self._waiting.write)

    def write(self, event: EventDict) -> None:
        """Write one event, at the end of this turn of the event loop at the latest."""
        line = _encode(event)
        self._waiting.append((line.decode() if self._render is None else self._readable(self._render, event), line))
        level = event["level"]
        if level not in _CAN_WAIT or len(self._waiting) >= MOST_WAITING or not self._at_end_of_turn():
            self._waiting.write()
        if self._errors is not None and level in _GRAVE:
            self._errors.write(line)

    def _at_end_of_turn(self) -> bool:
        """See to it that what waits is written when this turn ends; False: there is no event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._turn is not loop:
            self._turn = loop
            loop.call_soon(self._turn_ended)
        return True

    def _turn_ended(self) -> None:
        self._turn = None
        self._waiting.write()

    def _readable(self, render: structlog.dev.ConsoleRenderer, event: EventDict) -> str:
        return f"{render(None, '', _readable(event))}\n"


class _Waiting(deque[tuple[str, bytes]]):
    """Lines on their way, in order: as the stream shows them and as `combined.log` has them. Safe for threads."""

    def __init__(self, stream: TextIO, combined: LineFile | None) -> None:
        super().__init__()
        self._stream = stream
        self._combined = combined
        self._writing = threading.Lock()

    def write(self) -> None:
        """Write what there is."""
        with self._writing:
            lines = [self.popleft() for _ in range(len(self))]
            if not lines:
                return
            with suppress(OSError, ValueError):
                self._stream.write("".join([shown for shown, _ in lines]))
                self._stream.flush()
            if self._combined is not None:
                self._combined.write(b"".join([line for _, line in lines]))


def _readable(event: EventDict) -> EventDict:
    """The event for a terminal, where text that came from outside must not act."""
    return {
        name: _STEERING.sub(_escaped, text) if isinstance(text := _plain(value), str) else text
        for name, value in event.items()
    }


def _plain(value: object) -> object:
    """Moments and identifiers as they are in JSON."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, UUID) else value


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _encode(event: EventDict) -> bytes:
    try:
        return _ENCODER.encode(event) + b"\n"
    except (TypeError, ValueError, RecursionError):
        plain = {name: str(_plain(value)).encode("ascii", "backslashreplace").decode() for name, value in event.items()}
        return _ENCODER.encode(plain) + b"\n"
