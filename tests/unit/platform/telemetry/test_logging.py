"""Structured logs."""

import asyncio
import errno
import io
import json
import logging
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.statuses import Status
from angarium.platform.telemetry.correlation import bind_correlation
from angarium.platform.telemetry.logging import Format, adopt_standard_logging, make_logger
from angarium.platform.telemetry.redaction import clean
from tests.support.clock import ManualClock


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True, params=[True, False], ids=["fast", "plain"])
def _both_forms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here is of both forms."""
    made = partial(make_logger, fast_paths=request.param)
    monkeypatch.setattr(sys.modules[__name__], "make_logger", made)


def test_a_line_has_the_contracts_fields_in_order(stream: io.StringIO) -> None:
    logger = make_logger("gateway", stream=stream, clock=ManualClock())
    with bind_correlation("c-1"):
        logger.info("notification.accepted", notification_id="n-1", user_id="u-1")
    (line,) = lines(stream)
    assert list(line) == [
        "timestamp",
        "level",
        "service",
        "event",
        "correlation_id",
        "notification_id",
        "user_id",
    ]
    assert line["timestamp"] == "2026-11-20T09:00:00Z"
    assert (line["level"], line["service"], line["correlation_id"]) == ("info", "gateway", "c-1")


def test_a_correlation_given_with_the_line_wins(stream: io.StringIO) -> None:
    with bind_correlation("outer"):
        make_logger("s", stream=stream).info("e", correlation_id="own")
    assert lines(stream)[0]["correlation_id"] == "own"


def test_a_bound_logger_keeps_its_fields(stream: io.StringIO) -> None:
    make_logger("s", stream=stream).bind(worker="w-1").warning("e")
    assert lines(stream)[0]["worker"] == "w-1"


def test_the_level_decides(stream: io.StringIO) -> None:
    logger = make_logger("s", level="warning", stream=stream)
    logger.info("quiet")
    logger.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_a_bound_logger_leaves_the_one_it_came_from(stream: io.StringIO) -> None:
    logger = make_logger("s", stream=stream)
    logger.bind(worker="w-1").info("e", worker="w-2")
    logger.info("e")
    assert [line.get("worker") for line in lines(stream)] == ["w-2", None]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_a_level_by_name_by_number_and_with_values_says_the_same(level: str, stream: io.StringIO) -> None:
    logger = make_logger("s", level="debug", stream=stream, clock=ManualClock()).bind(worker="w-1")
    getattr(logger, level)("got 2", kept=1)
    getattr(logger, level)("got %d", 2, kept=1)
    logger.log(getattr(logging, level.upper()), "got 2", kept=1)
    first, *others = stream.getvalue().splitlines()
    assert json.loads(first)["level"] == level
    assert others == [first, first]


def test_an_error_carries_its_trace_on_one_line(stream: io.StringIO) -> None:
    logger = make_logger("s", stream=stream)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger.exception("work.failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]
    assert "test_logging.py" in line["exception"]


def test_sensitive_fields_are_dropped_at_any_depth(stream: io.StringIO) -> None:
    make_logger("s", stream=stream).info(
        "e", email="canary@x.test", body="canary", inner={"token": "canary", "kept": 1}, kept=2
    )
    assert "canary" not in stream.getvalue()
    assert lines(stream)[0]["inner"] == {"kept": 1}
    assert lines(stream)[0]["kept"] == 2


@pytest.mark.parametrize(
    "canary",
    [
        "550 <canary@example.com> unknown",
        "connect to amqp://canary:canary@host failed",
        "invalid number +14155550123",
        "no key ang_live_canary2",
        "bad token eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl",
        "secret whsec_canary",
    ],
)
def test_free_text_is_scrubbed(canary: str, stream: io.StringIO) -> None:
    logger = make_logger("s", stream=stream)
    logger.warning("e", error=ValueError(canary), reason=canary)
    try:
        int(canary)
    except ValueError:
        logger.exception("e")
    for secret in ("canary@", ":canary", "4155550123", "ang_live_", "eyJzdWIi", "whsec_c"):
        assert secret not in stream.getvalue()


fields_of_any_kind = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.uuids()
    | st.text()
    | st.emails()
    | st.sampled_from(Status)
    | st.builds(ValueError, st.emails()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "email", "kept"]), inner),
    max_leaves=5,
)


@given(name=st.sampled_from(["error", "reason", "kept", "status"]), value=fields_of_any_kind)
def test_a_field_is_cleaned_like_one_in_a_list(name: str, value: object) -> None:
    assert repr(clean({name: [value]})) == repr({name: [clean({name: value})[name]]})


def test_what_json_cannot_say_is_said_plainly(stream: io.StringIO) -> None:
    make_logger("s", stream=stream).info("e", odd="\ud800", thing=object(), path=Path("/x"), number=float("nan"))
    (line,) = lines(stream)
    assert (line["event"], line["service"]) == ("e", "s")
    assert line["odd"] == "\\ud800"


class Unspeakable:
    """Raises when it is to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("format_", ["json", "pretty"])
async def test_what_cannot_be_shown_costs_no_other_line(format_: Format, stream: io.StringIO) -> None:
    logger = make_logger("s", format=format_, stream=stream)
    logger.info("before")
    logger.info("unspeakable", thing=Unspeakable())
    logger.info("after")
    await asyncio.sleep(0)
    shown = stream.getvalue().splitlines()
    assert [event in line for event, line in zip(("before", "unspeakable", "after"), shown, strict=True)] == [True] * 3


async def test_a_line_says_what_was_when_it_was_logged(stream: io.StringIO) -> None:
    things, inner = [1], {"kept": 1}
    make_logger("s", stream=stream).info("e", things=things, inner=inner)
    things.append(2)
    inner["kept"] = 2
    await asyncio.sleep(0)
    assert (lines(stream)[0]["things"], lines(stream)[0]["inner"]) == ([1], {"kept": 1})


def test_a_terminal_gets_a_readable_line() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    make_logger("s", stream=terminal).info("notification.sent", attempt=2)
    assert "notification.sent" in terminal.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(terminal.getvalue())


def test_files_take_everything_and_the_errors(tmp_path: Path, stream: io.StringIO) -> None:
    logger = make_logger("s", log_dir=tmp_path / "logs", stream=stream, format="pretty")
    logger.info("fine")
    logger.error("broken")
    combined = (tmp_path / "logs" / "combined.log").read_text().splitlines()
    errors = (tmp_path / "logs" / "error.log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in combined] == ["fine", "broken"]
    assert [json.loads(line)["event"] for line in errors] == ["broken"]


@pytest.mark.fault(40)
def test_a_full_disk_loses_lines_and_nothing_else(stream: io.StringIO, tmp_path: Path) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "combined.log").symlink_to("/dev/full")
    logger = make_logger("s", stream=Full(), log_dir=tmp_path)
    logger.error("one")
    logger.error("two")
    assert len((tmp_path / "error.log").read_text().splitlines()) == 2


def test_a_file_is_reopened_after_a_failure(tmp_path: Path, stream: io.StringIO) -> None:
    combined = tmp_path / "combined.log"
    combined.symlink_to("/dev/full")
    logger = make_logger("s", stream=stream, log_dir=tmp_path)
    logger.info("lost")
    combined.unlink()
    logger.info("kept")
    assert [json.loads(line)["event"] for line in combined.read_text().splitlines()] == ["kept"]


def test_a_closed_stream_is_no_error(stream: io.StringIO) -> None:
    logger = make_logger("s", stream=stream)
    stream.close()
    logger.info("e")


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, stream: io.StringIO) -> None:
    (tmp_path / "file").write_text("")
    make_logger("s", stream=stream, log_dir=tmp_path / "file" / "logs").error("e")
    assert lines(stream)[0]["event"] == "e"


@pytest.fixture
def _root_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("_root_logging")
def test_what_libraries_log_is_adopted(stream: io.StringIO) -> None:
    adopt_standard_logging(make_logger("s", stream=stream))
    logging.getLogger("uvicorn.error").warning("lost %s", "canary@example.com")
    logging.getLogger("uvicorn.error").info("chatter")
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("library.log", "uvicorn.error", "warning")
    assert line["message"] == "lost [address]"
