"""Structured logs: JSON lines to stdout, a readable form on a terminal, and files where a folder is set."""

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from angarium.platform.clock import Clock, SystemClock
from angarium.platform.telemetry.correlation import current_correlation_id
from angarium.platform.telemetry.redaction import clean
from angarium.platform.telemetry.sinks import Sinks

Logger = FilteringBoundLogger
"""What every part logs through; passed in, never global."""
Format = Literal["auto", "json", "pretty"]

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def make_logger(
    service: str,
    *,
    level: str = "info",
    format: Format = "auto",  # noqa: A002 - the setting's name
    log_dir: Path | None = None,
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> Logger:
    """A logger whose lines carry `timestamp, level, service, event, correlation_id` and the fields given with them.

    Logging never raises. Fields that hold bodies, addresses or secrets are dropped (`redaction`). `auto` is pretty
    on a terminal. `log_dir` gets `combined.log` and `error.log`, always as JSON.
    """
    out = stream if stream is not None else sys.stdout
    pretty = format == "pretty" or (format == "auto" and out.isatty())
    logger: Logger = structlog.wrap_logger(
        Sinks(out, log_dir, pretty=pretty),
        processors=[_Line(service, clock or SystemClock())],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger.bind()


class _Line:
    """The one processor: orders, cleans and completes what becomes a line."""

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    def __call__(self, _: WrappedLogger, method: str, event: EventDict) -> tuple[tuple[EventDict], dict[str, Any]]:
        if "exc_info" in event:
            event = structlog.processors.format_exc_info(_, method, event)
        line: EventDict = {
            "timestamp": self._clock.now(),
            "level": "error" if method == "exception" else method,
            "service": event.pop("service", self._service),
            "event": event.pop("event", ""),
        }
        correlation_id = event.pop("correlation_id", None) or current_correlation_id()
        if correlation_id is not None:
            line["correlation_id"] = correlation_id
        line.update(clean(event))
        return (line,), {}


def adopt_standard_logging(logger: Logger) -> None:
    """Route what libraries log (uvicorn, aio_pika, asyncio, …) into `logger`, from warnings up.

    For entry points only: the standard library's logging is global.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(logger)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class _Bridge(logging.Handler):
    """Hands records to a structured logger."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            self._logger.log(
                record.levelno,
                "library.log",
                logger=record.name,
                message=record.getMessage(),
                exc_info=record.exc_info,
            )
