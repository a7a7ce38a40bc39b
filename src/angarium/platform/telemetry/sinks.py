"""The destinations of log lines: a stream and, if a folder is set, `combined.log` and `error.log`.

A sink never raises and its memory is bounded: lines that a full disk or a closed stream refuses are lost.
"""

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO
from uuid import UUID

import msgspec
from structlog.typing import EventDict

from angarium.contracts.fields import rfc3339
from angarium.platform.telemetry.pretty import PrettyLines

MOST_WAITING = 256
"""Maximum number of lines that wait for the end of an event loop iteration."""
_FILE_MODE = 0o640
_DEFERRED_LEVELS = frozenset({"debug", "info"})
_ERROR_LEVELS = frozenset({"error", "critical"})
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class LineFile:
    """Appends whole lines to a file. Several processes can share the file (`O_APPEND`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open_file: _Descriptor | None = None

    def write(self, line: bytes) -> None:
        """Append `line`. After a failed write the file is reopened."""
        try:
            if self._open_file is None:
                self._open_file = _Descriptor(self._path)
            os.write(self._open_file.number, line)
        except OSError:
            self._open_file = None


class _Descriptor:
    """A file open for appending. It is closed when the object is garbage collected."""

    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self.number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        if new:
            os.fchmod(self.number, _FILE_MODE)  # independent of the umask: log collectors must be able to read it
        weakref.finalize(self, _close, self.number)


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


class Sinks:
    """The destinations of the structured logger.

    Debug and info lines of one event loop iteration wait, and are encoded and written together at its end. All waiting
    lines are written immediately if a line is a warning or worse, if there is no event loop, if `MOST_WAITING` lines
    wait, and when the process exits. Without `fast_paths` no line waits. The stream gets JSON or `pretty` lines; the
    files always get JSON.
    """

    def __init__(
        self, stream: TextIO, log_dir: Path | None, *, pretty: PrettyLines | None = None, fast_paths: bool = True
    ) -> None:
        self._fast_paths = fast_paths
        self._errors: LineFile | None = None
        combined: LineFile | None = None
        if log_dir is not None:
            with suppress(OSError):
                log_dir.mkdir(parents=True, exist_ok=True)
            combined = LineFile(log_dir / "combined.log")
            self._errors = LineFile(log_dir / "error.log")
            for file in (combined, self._errors):  # create both, so that log collectors find them
                file.write(b"")
        self._waiting = _Waiting(stream, combined, pretty)
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        weakref.finalize(self, self._waiting.write)

    def write(self, event: EventDict) -> None:
        """Write one event, at the latest at the end of this event loop iteration. The event now belongs to the sink."""
        self._waiting.append(event)
        level = event["level"]
        can_wait = self._fast_paths and level in _DEFERRED_LEVELS
        if not can_wait or len(self._waiting) >= MOST_WAITING or not self._schedule_write():
            self._waiting.write()
        if self._errors is not None and level in _ERROR_LEVELS:
            self._errors.write(_encoded([event]))

    def _schedule_write(self) -> bool:
        """Schedule writing for the end of this event loop iteration; False if there is no event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._scheduled_on is not loop:
            self._scheduled_on = loop
            loop.call_soon(self._write_waiting)
        return True

    def _write_waiting(self) -> None:
        self._scheduled_on = None
        self._waiting.write()


class _Waiting(deque[EventDict]):
    """Events that wait to be written to the stream and to `combined.log`, in order. Thread-safe."""

    def __init__(self, stream: TextIO, combined: LineFile | None, pretty: PrettyLines | None) -> None:
        super().__init__()
        self._stream = stream
        self._combined = combined
        self._pretty = pretty
        self._writing = threading.RLock()  # reentrant: a finalizer or `__str__` that runs while writing may log

    def write(self) -> None:
        """Write all waiting events."""
        with self._writing:
            events = [self.popleft() for _ in range(len(self))]
            if not events:
                return
            lines = _encoded(events)
            with suppress(OSError, ValueError):
                self._stream.write(lines.decode() if self._pretty is None else _pretty_lines(events, self._pretty))
                self._stream.flush()
            if self._combined is not None:
                self._combined.write(lines)


def _pretty_lines(events: Sequence[EventDict], pretty: PrettyLines) -> str:
    return "".join([_pretty_line(event, pretty) for event in events])


def _pretty_line(event: EventDict, pretty: PrettyLines) -> str:
    try:
        return f"{pretty.render(event)}\n"
    except Exception:  # noqa: BLE001 - an error in a value's `__str__` must not lose other lines
        return _encoded_as_text(event).decode()


def _json_form(value: object) -> object:
    """Timestamps and UUIDs in their JSON form; other values unchanged."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, UUID) else value


def _encoded(events: Sequence[EventDict]) -> bytes:
    """A line of JSON per event. If a value cannot be encoded, its event's values are converted to text."""
    try:
        return _ENCODER.encode_lines(events)
    except Exception:  # noqa: BLE001 - an error in a value's `__str__` must not lose other lines
        return b"".join([_encoded_as_text(event) for event in events])


def _encoded_as_text(event: EventDict) -> bytes:
    try:
        return _ENCODER.encode(event) + b"\n"
    except Exception:  # noqa: BLE001 - the same
        return _ENCODER.encode({name: _as_text(value) for name, value in event.items()}) + b"\n"


def _as_text(value: object) -> str:
    try:
        text = str(_json_form(value))
    except Exception:  # noqa: BLE001 - the same
        text = object.__repr__(value)
    return text.encode("ascii", "backslashreplace").decode()
