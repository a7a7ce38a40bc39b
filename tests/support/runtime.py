"""A runtime for tests."""

import io

from angarium.platform.clock import Clock
from angarium.platform.runtime import Runtime, build_runtime
from angarium.platform.telemetry.logging import Logger, make_logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.platform.telemetry.tracing import Tracing


def a_runtime(
    *,
    clock: Clock | None = None,
    logger: Logger | None = None,
    metrics: Metrics | None = None,
    tracing: Tracing | None = None,
) -> Runtime:
    """A runtime. Defaults: the system clock, a log that is discarded, and new metrics. There is no tracing."""
    return build_runtime(
        logger or make_logger("test", stream=io.StringIO()), clock=clock, metrics=metrics, tracing=tracing
    )
