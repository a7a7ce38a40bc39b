"""What comes from outside cannot forge a log line, steer a terminal or put a secret into a list."""

import io
import json
from typing import Any

import pytest

from angarium.platform.telemetry.correlation import new_correlation_id
from angarium.platform.telemetry.logging import make_logger

FORGED = [
    'x\n{"level":"error","event":"forged"}',
    "x\r\n2026-11-20 [error] forged",
    'x"}\n{"event":"forged"}',
    "x\x0b\x0cforged",
    "x\x1b[2K\x1b[1Aforged",
    "x\x1b]0;title\x07forged",
    "x\x9b2Jforged",
    "x\u2028forged\u2029",
    "x\x85forged",
    "x\u202eforged\u2066",
    "x\ud800forged",
    "x\x00forged",
]


def raising(text: str) -> None:
    raise ValueError(text)


def written(format_: Any, text: str) -> list[str]:
    stream = io.StringIO()
    logger = make_logger("s", format=format_, stream=stream)
    logger.info("e", template_code=text, error=ValueError(text), parts=[text, {"inner": text}], message=text)
    return stream.getvalue().split("\n")


@pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
def test_a_line_stays_one_line(text: str) -> None:
    *lines, end = written("json", text)
    assert (len(lines), end) == (1, "")
    assert json.loads(lines[0])["event"] == "e"
    assert not set(lines[0]) & set("\r\x0b\x0c\x1b\x07\x00")


@pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
def test_a_terminal_is_not_steered(text: str) -> None:
    plain = written("pretty", "x")
    *lines, end = written("pretty", text)
    assert (len(lines), end) == (1, "")
    assert lines[0].count("\x1b") == plain[0].count("\x1b")
    assert not set(lines[0]) & set("\r\x0b\x0c\x07\x00\x85\x9b\u2028\u2029\u202e\u2066")


def test_a_trace_on_a_terminal_is_not_steered_either() -> None:
    stream = io.StringIO()
    logger = make_logger("s", format="pretty", stream=stream)
    try:
        raising("\x1b[2J\x9b2J")
    except ValueError:
        logger.exception("e")
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()


@pytest.mark.parametrize("kind", [list, tuple])
def test_what_is_sensitive_is_dropped_in_lists_too(kind: Any) -> None:
    stream = io.StringIO()
    things = kind([{"email": "canary@x.test", "kept": 1}, ValueError("to canary@x.test")])
    make_logger("s", stream=stream).error("e", reports=things, reason=kind(["to canary@x.test"]))
    line = json.loads(stream.getvalue())
    assert "canary" not in stream.getvalue()
    assert line["reports"] == [{"kept": 1}, "ValueError: to [address]"]


@pytest.mark.parametrize("given", ["a\nb", "a b", "a\r\nset-cookie: x", "é", "\x1b[2J", "x" * 129, "", "a\x00"])
def test_a_correlation_id_that_could_forge_is_replaced(given: str) -> None:
    assert new_correlation_id(given, lambda: "made") == "made"
