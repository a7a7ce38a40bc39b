"""The runtime of a process: clock, identifiers, logger, metrics and tracing as one value."""

from dataclasses import dataclass

from angarium.platform.clock import Clock, SystemClock
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.platform.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Runtime:
    """One per process. A part that needs only one of them receives only that one. `tracing` is None when it is off."""

    clock: Clock
    identifiers: Identifiers
    logger: Logger
    metrics: Metrics
    tracing: Tracing | None = None


def build_runtime(
    logger: Logger, *, clock: Clock | None = None, metrics: Metrics | None = None, tracing: Tracing | None = None
) -> Runtime:
    """Build the runtime of a process that logs to `logger`, by default with the system's clock and new metrics."""
    clock = clock or SystemClock()
    return Runtime(
        clock=clock, identifiers=Identifiers(clock), logger=logger, metrics=metrics or Metrics(), tracing=tracing
    )
