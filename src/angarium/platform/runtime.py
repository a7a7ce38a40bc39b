"""The runtime of a process: clock, identifiers, logger and metrics as one value."""

from dataclasses import dataclass

from angarium.platform.clock import Clock, SystemClock
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Runtime:
    """One per process. A part that needs only one of them receives only that one."""

    clock: Clock
    identifiers: Identifiers
    logger: Logger
    metrics: Metrics


def build_runtime(logger: Logger, *, clock: Clock | None = None, metrics: Metrics | None = None) -> Runtime:
    """Build the runtime of a process that logs to `logger`, by default with the system's clock and new metrics."""
    clock = clock or SystemClock()
    return Runtime(clock=clock, identifiers=Identifiers(clock), logger=logger, metrics=metrics or Metrics())
