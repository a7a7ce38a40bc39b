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
    """What is not given is the machine's clock, a log that goes nowhere, and new metrics; there is no tracing."""
    return build_runtime(
        logger or make_logger("test", stream=io.StringIO()), clock=clock, metrics=metrics, tracing=tracing
    )
