"""Where log lines go: a stream and, where a folder is set, `combined.log` and `error.log`.

A sink never raises and never grows: what a full disk or a closed stream does not take is lost.
"""

import os
import re
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import msgspec
import structlog
from structlog.typing import EventDict

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
    """What the structured logger writes to: one event a call, under the level's name."""

    def __init__(self, stream: TextIO, log_dir: Path | None, *, pretty: bool) -> None:
        self._stream = stream
        self._render = structlog.dev.ConsoleRenderer(colors=True) if pretty else None
        self._combined: LineFile | None = None
        self._errors: LineFile | None = None
        if log_dir is not None:
            with suppress(OSError):
                log_dir.mkdir(parents=True, exist_ok=True)
            self._combined = LineFile(log_dir / "combined.log")
            self._errors = LineFile(log_dir / "error.log")

    def debug(self, event: EventDict) -> None:
        """Write one event."""
        line = _encode(event)
        self._show(event, line)
        if self._combined is not None:
            self._combined.write(line)
        if self._errors is not None and event["level"] in {"error", "critical"}:
            self._errors.write(line)

    info = warning = error = critical = exception = debug

    def _show(self, event: EventDict, line: bytes) -> None:
        with suppress(OSError, ValueError):
            shown = line.decode() if self._render is None else f"{self._render(None, '', _readable(event))}\n"
            self._stream.write(shown)
            self._stream.flush()


def _readable(event: EventDict) -> EventDict:
    """The event for a terminal, where text that came from outside must not act."""
    return {name: _STEERING.sub(_escaped, value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _encode(event: EventDict) -> bytes:
    try:
        return msgspec.json.encode(event, enc_hook=str) + b"\n"
    except (TypeError, ValueError, RecursionError):
        plain = {name: str(value).encode("ascii", "backslashreplace").decode() for name, value in event.items()}
        return msgspec.json.encode(plain) + b"\n"
