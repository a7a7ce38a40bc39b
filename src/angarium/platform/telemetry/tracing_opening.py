"""Starts tracing if OpenTelemetry's standard variables ask for it.

These variables are often set for every program of a machine or a cluster, and delivery does not depend on tracing.
Therefore invalid variables and a missing package are logged, and the process starts without tracing.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Final

from angarium.platform.clock import Clock, SystemClock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing import Tracing

_SILENT: Final = logging.CRITICAL + 1
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLERS: Final = frozenset(
    {
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    }
)


async def open_tracing(
    service: str,
    logger: Logger,
    stack: AsyncExitStack,
    environment: Mapping[str, str],
    *,
    clock: Clock | None = None,
) -> Tracing | None:
    """Start tracing as configured in `environment`; None if it is not configured.

    `environment` must be the process's own, which the SDK reads too. `service` is the process's `service.name` if the
    environment has none. The last spans are exported when `stack` closes. Never raises. Only for entry points: until
    `stack` closes the SDK's own log is silenced, because it may quote a header with a credential.
    """
    if not is_wanted(environment):
        return None
    for name, reason in faults(environment):
        logger.warning("tracing.setting_ignored", name=name, reason=reason)
    stack.enter_context(_silenced())
    try:
        from angarium.platform.telemetry.opentelemetry import exporting  # noqa: PLC0415 - an extra

        tracing = await stack.enter_async_context(exporting(service, logger, clock or SystemClock()))
    except ImportError:
        logger.warning("tracing.unavailable", reason="a package is missing: pip install 'angarium[opentelemetry]'")
        return None
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the process must start
        logger.warning("tracing.unavailable", reason=f"OTEL_*: the SDK refuses its settings ({type(error).__name__})")
        return None
    logger.info("tracing.on", sampler=environment.get("OTEL_TRACES_SAMPLER", "parentbased_always_on"))
    return tracing


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether an endpoint or the exporter `otlp` is set. False with `OTEL_SDK_DISABLED=true`."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environment.get("OTEL_TRACES_EXPORTER")
    if exporters:
        return "otlp" in {name.strip().lower() for name in exporters.split(",")}
    return any(environment.get(name) for name in _ENDPOINTS)


def faults(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that are ignored or replaced, each with the reason. Values are not quoted."""
    protocol = next((name for name in _PROTOCOLS if environment.get(name)), None)
    if protocol is not None and environment[protocol] != "http/protobuf":
        yield protocol, "only http/protobuf is spoken"
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").lower()
    if sampler and sampler not in _SAMPLERS:
        yield "OTEL_TRACES_SAMPLER", "is not one of " + ", ".join(sorted(_SAMPLERS))
    if sampler.endswith("traceidratio") and not _is_ratio(environment.get("OTEL_TRACES_SAMPLER_ARG") or "1"):
        yield "OTEL_TRACES_SAMPLER_ARG", "is not a number from 0 to 1"


def _is_ratio(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


@contextmanager
def _silenced() -> Iterator[None]:
    library = logging.getLogger("opentelemetry")
    before = library.level
    library.setLevel(_SILENT)
    try:
        yield
    finally:
        library.setLevel(before)
