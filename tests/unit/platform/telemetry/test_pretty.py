"""Log lines at a terminal: short, whole ids, colours where they are wanted. Elsewhere they stay JSON."""

import asyncio
import fcntl
import io
import json
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from uuid import UUID

import pytest

from angarium.platform.telemetry.correlation import bind_correlation
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.pretty import PrettyLines, pretty_lines

AT = datetime(2026, 11, 27, 14, 3, 22, tzinfo=UTC)
ID = UUID("01a21c8a-6173-79c7-b676-c1da6b719b84")
OTHER = UUID("01a21c88-e5eb-77c5-97ca-cd7837982c1e")
SENT: Mapping[str, Any] = {
    "timestamp": AT,
    "level": "info",
    "service": "email",
    "event": "notification.sent",
    "correlation_id": str(OTHER),
    "notification_id": ID,
    "tenant": "default",
    "user_id": OTHER,
    "channel": "email",
    "attempt": 1,
    "provider": "smtp",
    "reason": None,
}


def shown(event: Mapping[str, Any], *, width: int | None = None, colours: bool = False) -> str:
    return PrettyLines(colours=colours, width=lambda: width).render(dict(event))


def test_a_line_has_time_level_event_id_and_the_few_fields_that_matter() -> None:
    time = AT.astimezone().strftime("%H:%M:%S")
    assert shown(SENT) == f"{time} I notification.sent            {ID} channel=email attempt=1 provider=smtp"


@pytest.mark.parametrize("width", [80, 90, 100, 120])
def test_a_line_fits_the_terminal_and_its_id_is_whole(width: int) -> None:
    line = shown({**SENT, "event": "notification.retry_scheduled"}, width=width)
    assert len(line) <= width
    assert f" {ID}" in line


def test_an_id_ends_before_column_80_whatever_follows() -> None:
    line = shown({**SENT, "detail": "x" * 200}, width=80)
    assert line.index(str(ID)) + 36 <= 80
    assert "detail" not in line


def test_a_warning_has_everything_on_one_line() -> None:
    line = shown({**SENT, "level": "warning", "message": "two words\nand a line", "tenant": "acme"}, width=80)
    assert line.split()[1] == "W"
    assert "\n" not in line
    for part in (str(ID), f"user_id={OTHER}", f"correlation_id={OTHER}", "tenant=acme", r'message="two words\\n'):
        assert part in line


def test_without_a_notification_the_line_is_about_what_it_has() -> None:
    event = {name: SENT[name] for name in ("timestamp", "level", "service", "correlation_id")}
    template = shown({**event, "event": "template.published", "template_code": "welcome", "template_version": 2})
    assert template.endswith(f"template.published           welcome template_version=2 correlation_id={OTHER}")
    assert shown({**event, "event": "e", "names": ["a", 1]}).endswith(f'{OTHER} names=["a",1]')


def test_a_trace_stands_below_its_line() -> None:
    head, *trace = shown({**SENT, "level": "error", "exception": "Traceback:\n  \x1b[2Jx"}).split("\n")
    assert head.split()[1] == "E"
    assert trace == ["Traceback:", r"  \x1b[2Jx"]


def test_colours_are_those_of_the_level_and_change_no_text() -> None:
    for level, colour in (("debug", "2"), ("info", "32"), ("warning", "33"), ("error", "31")):
        line = shown({**SENT, "level": level}, colours=True)
        assert f"\x1b[{colour}m{level[0].upper()}\x1b[0m" in line
        assert re.sub(r"\x1b\[\d*m", "", line) == shown({**SENT, "level": level})


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A terminal of 90 columns, and the descriptor of what it shows."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    with open(inner, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        yield stream, outer
    os.close(outer)


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_and_not_where_no_color_is_set(
    terminal: tuple[TextIO, int], environment: dict[str, str], coloured: bool
) -> None:
    assert ("\x1b[" in pretty_lines(terminal[0], environment).render(dict(SENT))) is coloured
    assert "\x1b[" not in pretty_lines(io.StringIO(), environment).render(dict(SENT))


@pytest.mark.parametrize("fast_paths", [True, False])
async def test_auto_is_short_lines_on_a_real_terminal(
    terminal: tuple[TextIO, int], monkeypatch: pytest.MonkeyPatch, fast_paths: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream, outer = terminal
    logger = make_logger("email", stream=stream, fast_paths=fast_paths)
    with bind_correlation("c-1"):
        logger.info("notification.sent", notification_id=ID, channel="email", provider="p" * 60)
    await asyncio.sleep(0)
    line = os.read(outer, 4096).decode().rstrip()
    assert re.fullmatch(rf"\d\d:\d\d:\d\d I notification\.sent {{12}}{ID} channel=email", line)
    assert len(line) <= 90


def test_auto_is_json_elsewhere() -> None:
    stream = io.StringIO()
    make_logger("email", stream=stream).warning("e", notification_id=ID)
    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "level", "service", "event", "notification_id"]
