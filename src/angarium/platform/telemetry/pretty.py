"""Log lines for reading on a terminal: one short line per event, with its most important fields.

    14:03:22 I notification.sent            01a21c8a-6173-79c7-b676-c1da6b719b84 channel=email attempt=1 provider=smtp

Control characters in text from outside are escaped (`terminal.printable`).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TextIO
from uuid import UUID

import msgspec
from structlog.typing import EventDict

from angarium.contracts.fields import rfc3339
from angarium.platform.telemetry.terminal import on_one_line, printable

_EVENT_WIDTH: Final = 28
"""Width of the event's name: ids are aligned and end before column 80."""
_LETTERS: Final = {"debug": "D", "info": "I", "warning": "W", "error": "E", "critical": "E"}
_COLOURS: Final = {"D": "\x1b[2m", "I": "\x1b[32m", "W": "\x1b[33m", "E": "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_WITH_ALL_FIELDS: Final = frozenset({"W", "E"})
_IDS: Final = ("notification_id", "callback_id", "user_id", "template_code", "correlation_id")
"""The first of these fields that an event has is shown first, without its name."""
_FIRST: Final = ("channel", "attempt", "provider", "status", "reason", "error", "message")
_LAST: Final = "correlation_id"
_HEAD: Final = frozenset({"timestamp", "level", "service", "event", "exception"})
_OMITTED: Final = frozenset({"callback_id", "user_id", "correlation_id", "template_code", "template_version"})
"""Omitted below a warning if the line has an id: the JSON logs and `angarium status` show them."""
_PUNCTUATION: Final = frozenset(' "=')


class PrettyLines:
    """Renders events. `width` returns the terminal's number of columns, or None for no limit.

    Below a warning, fields that do not fit are omitted. Warnings and errors have all fields. An id is never truncated.
    """

    def __init__(self, *, colours: bool, width: Callable[[], int | None] = lambda: None) -> None:
        self._colours = colours
        self._width = width

    def render(self, event: EventDict) -> str:
        """One line, followed by the traceback if the event has one."""
        letter = _LETTERS.get(event["level"], "I")
        width = None if letter in _WITH_ALL_FIELDS else self._width()
        name = on_one_line(str(event["event"])).ljust(_EVENT_WIDTH)
        used = len("00:00:00 I ") + len(name)
        line = [self._painted(_DIM, _time(event["timestamp"])), self._painted(_COLOURS[letter], letter)]
        line.append(self._painted(_BOLD, name))
        for field in _fields(event, whole=letter in _WITH_ALL_FIELDS):
            used += 1 + len(field)
            if width is not None and used > width:
                used -= 1 + len(field)
                continue
            line.append(field)
        trace = event.get("exception")
        below = "" if trace is None else "\n" + printable(str(trace))
        return " ".join(line).rstrip() + below

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours else text


def pretty_lines(stream: TextIO, environment: Mapping[str, str]) -> PrettyLines:
    """Lines for `stream`. A terminal gets its width, and colours unless `NO_COLOR` is set (no-color.org)."""
    terminal = stream.isatty()
    colours = terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return PrettyLines(colours=colours, width=lambda: _columns(stream) if terminal else None)


def _columns(stream: TextIO) -> int | None:
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _time(moment: object) -> str:
    """The time of day in this machine's time zone."""
    return moment.astimezone().strftime("%H:%M:%S") if isinstance(moment, datetime) else "--:--:--"


def _fields(event: EventDict, *, whole: bool) -> Iterator[str]:
    """The fields after the event's name: first the id, then common fields, then the others."""
    about = next((name for name in _IDS if event.get(name) is not None), None)
    if about is not None:
        yield _text(event[about])
    left_out = {*_HEAD, about} if whole else {*_HEAD, about, *(_OMITTED if about in _IDS[:3] else ())}
    others = (name for name in event if name not in _FIRST and name != _LAST)
    for name in (*_FIRST, *others, _LAST):
        value = event.get(name)
        if value is None or name in left_out or (name == "tenant" and value == "default" and not whole):
            continue
        yield f"{on_one_line(name)}={_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, str | UUID | int | float):
        text = on_one_line(str(value))
        return text if text and _PUNCTUATION.isdisjoint(text) else msgspec.json.encode(text).decode()
    return on_one_line(msgspec.json.encode(value, enc_hook=str).decode())
