"""Tracing with the OpenTelemetry SDK. Needs the extra `opentelemetry`; imported only if tracing is on.

The SDK reads the standard variables `OTEL_*` itself. Spans wait in its bounded queue and its own thread exports them. A
slow or unreachable endpoint therefore loses spans, but delays nothing.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import Tracer as SdkTracer

from angarium import __version__
from angarium.platform.clock import Clock
from angarium.platform.telemetry.correlation import parse_traceparent
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.reminder import Reminder
from angarium.platform.telemetry.tracing import Attributes, Kind, Value

LAST_SECONDS: Final = 3.0
"""How long a stopping process waits for the export of its last spans."""
_KINDS: Final = {kind: SpanKind[kind.value] for kind in Kind}
_FAILED: Final = Status(StatusCode.ERROR)
_EMPTY: Final = Context()
"""An empty context: a span's parent is always passed explicitly."""


class SdkTracing:
    """Implements `Tracing`."""

    def __init__(self, tracer: SdkTracer) -> None:
        self._tracer = tracer

    def begin(
        self, name: str, kind: Kind, *, parent: str | None, attributes: Attributes, links: Sequence[str] = ()
    ) -> "RecordedSpan":
        context = _context_of(parent)
        linked = [Link(one) for text in links if (one := _context_of(text)) is not None]
        return RecordedSpan(
            self._tracer.start_span(
                name,
                _EMPTY if context is None else set_span_in_context(NonRecordingSpan(context), _EMPTY),
                kind=_KINDS[kind],
                attributes=attributes,
                links=linked,
            )
        )


class RecordedSpan:
    """Implements `Span`."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        context = span.get_span_context()
        sampled = context.trace_flags & TraceFlags.SAMPLED
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{sampled:02x}"

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(_FAILED)

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()


class ReportingExporter(SpanExporter):
    """Logs failed exports, less and less often while the fault lasts (`Reminder`).

    The exporter's own messages are not logged, because they may quote a response or a header.
    """

    def __init__(self, exporter: SpanExporter, logger: Logger, clock: Clock) -> None:
        self._exporter = exporter
        self._logger = logger
        self._reminder = Reminder(clock)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        error = "refused or not reached"
        try:
            result = self._exporter.export(spans)
        except Exception as failure:  # noqa: BLE001 - no error may end the thread that exports
            result, error = SpanExportResult.FAILURE, type(failure).__name__
        if result is SpanExportResult.SUCCESS:
            self._reminder.clear()
        elif self._reminder.due(error):
            self._logger.warning("tracing.export_failed", spans=len(spans), error=error)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def tracing_of(provider: TracerProvider) -> SdkTracing:
    """Tracing with the spans of `provider`."""
    return SdkTracing(provider.get_tracer("angarium", __version__))


@asynccontextmanager
async def exporting(service: str, logger: Logger, clock: Clock) -> AsyncIterator[SdkTracing]:
    """Export spans to the OTLP/HTTP endpoint of the environment. On exit, export the last ones within `LAST_SECONDS`.

    `service` is the process's name if the environment has none. Raises the SDK's errors for settings that it refuses.
    """
    given = OTELResourceDetector().detect().attributes
    resource = Resource.create({SERVICE_NAME: service, SERVICE_VERSION: __version__, **given})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(ReportingExporter(OTLPSpanExporter(), logger, clock)))
    try:
        yield tracing_of(provider)
    finally:
        await _shut_down(provider)


async def _shut_down(provider: TracerProvider) -> None:
    """Shut down in a separate thread: a closing event loop would wait for its executor, however slow the endpoint."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=shut_down, name="tracing-end", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            await done.wait()


def _context_of(traceparent: str | None) -> SpanContext | None:
    parsed = parse_traceparent(traceparent)
    if parsed is None:
        return None
    trace, span, flags = parsed
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
