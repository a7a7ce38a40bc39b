"""Structured logs: JSON lines to stdout, readable lines on a terminal, and files if `log_dir` is set."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from angarium.platform.clock import Clock, SystemClock
from angarium.platform.telemetry.correlation import current_correlation_id
from angarium.platform.telemetry.pretty import pretty_lines
from angarium.platform.telemetry.redaction import clean
from angarium.platform.telemetry.sinks import Sinks

Logger = FilteringBoundLogger
"""The logger that is passed to every part; there is no global one."""
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
    fast_paths: bool = True,
) -> Logger:
    """Make a logger. Its lines have `timestamp, level, service, event, correlation_id` and the fields of the call.

    Logging never raises. Fields that hold bodies, addresses or secrets are dropped (`redaction`). On a terminal `auto`
    means `pretty`: one short line per event, in colour unless `NO_COLOR` is set. In `log_dir` the files `combined.log`
    and `error.log` are written, always as JSON. Without `fast_paths` each line passes through structlog's processors
    and is written immediately.
    """
    out = stream if stream is not None else sys.stdout
    pretty = format == "pretty" or (format == "auto" and out.isatty())
    lines_for_people = pretty_lines(out, os.environ) if pretty else None
    sinks = Sinks(out, log_dir, pretty=lines_for_people, fast_paths=fast_paths)
    lines = _Lines(service, clock or SystemClock(), sinks)
    least = _LEVELS[level]
    logger: Logger = (
        structlog.wrap_logger(lines, processors=(), wrapper_class=_bound_logger(least), context_class=dict)
        if fast_paths
        else structlog.wrap_logger(
            _SinkLogger(sinks),
            processors=(structlog.processors.format_exc_info, lines.processed),
            wrapper_class=structlog.make_filtering_bound_logger(least),
            context_class=dict,
        )
    )
    return logger.bind()


def _bound_logger(least: int) -> type[Logger]:
    """A filtering logger of structlog that passes lines directly to `_Lines` instead of through processors."""
    filtering = structlog.make_filtering_bound_logger(least)
    methods = {name: _level_method(name, getattr(filtering, name)) for name, level in _LEVELS.items() if level >= least}
    return type("BoundLogger", (filtering,), {"_proxy_to_logger": _write_formatted, **methods})


def _level_method(level: str, filtering: Callable[..., None]) -> Callable[..., None]:
    """Do the same as `filtering`, with two calls fewer if the event has no values to format."""

    def log(self: Any, event: str, *values: Any, **fields: Any) -> None:
        if values:
            filtering(self, event, *values, **fields)
        else:
            self._logger.write(level, event, {**self._context, **fields})

    return log


def _write_formatted(self: Any, level: str, event: str, **fields: Any) -> None:
    self._logger.write(level, event, {**self._context, **fields})


class _Lines:
    """Orders the fields of a line, removes sensitive ones and adds the standard ones."""

    def __init__(self, service: str, clock: Clock, sinks: Sinks) -> None:
        self._service = service
        self._now = clock.now
        self._sinks = sinks

    def write(self, level: str, event: str, fields: EventDict) -> None:
        """Write one line. The caller must not use `fields` afterwards."""
        if "exc_info" in fields:
            fields = structlog.processors.format_exc_info(self, level, fields)
        self._sinks.write(self._line(level, event, fields))

    def processed(self, _: object, level: str, fields: EventDict) -> tuple[tuple[EventDict], dict[str, object]]:
        """The last processor of structlog: returns the line as the arguments of the logger's method."""
        return (self._line(level, fields.pop("event"), fields),), {}

    def _line(self, level: str, event: str, fields: EventDict) -> EventDict:
        line: EventDict = {
            "timestamp": self._now(),
            "level": level,
            "service": fields.pop("service", self._service),
            "event": event,
        }
        correlation_id = fields.pop("correlation_id", None) or current_correlation_id()
        if correlation_id is not None:
            line["correlation_id"] = correlation_id
        line.update(clean(fields))
        return line


class _SinkLogger:
    """The logger to which structlog passes finished lines, with a method for each level."""

    def __init__(self, sinks: Sinks) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = sinks.write


def adopt_standard_logging(logger: Logger) -> None:
    """Send warnings and errors that libraries log (uvicorn, aio_pika, asyncio, …) to `logger`.

    Only for entry points, because the standard library's logging is global.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(logger)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class _Bridge(logging.Handler):
    """Passes the standard library's log records to a structured logger."""

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
