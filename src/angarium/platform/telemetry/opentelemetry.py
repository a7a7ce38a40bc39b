"""Spans by the SDK of OpenTelemetry. Needs the extra `opentelemetry`; imported only where tracing is on.

The SDK reads the standard variables `OTEL_*` itself. Spans wait in its bounded queue and are exported by a thread of
its own: a slow or absent endpoint costs spans and nothing else.
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
"""How long the end of a process waits for its last spans to be exported."""
_KINDS: Final = {kind: SpanKind[kind.value] for kind in Kind}
_FAILED: Final = Status(StatusCode.ERROR)
_NOTHING: Final = Context()
"""Nothing around a span becomes its parent: that is always given."""


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
                _NOTHING if context is None else set_span_in_context(NonRecordingSpan(context), _NOTHING),
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
    """Logs what goes wrong when spans are exported: once, then ever more rarely while it lasts.

    The exporter's own words are not logged: they may quote an answer or a header.
    """

    def __init__(self, exporter: SpanExporter, logger: Logger, clock: Clock) -> None:
        self._exporter = exporter
        self._logger = logger
        self._reminder = Reminder(clock)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        error = "refused or not reached"
        try:
            result = self._exporter.export(spans)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is no reason to lose the thread that exports
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
    """Spans by `provider`."""
    return SdkTracing(provider.get_tracer("angarium", __version__))


@asynccontextmanager
async def exporting(service: str, logger: Logger, clock: Clock) -> AsyncIterator[SdkTracing]:
    """Spans that go to the OTLP/HTTP endpoint of the environment; the last ones at the end, within `LAST_SECONDS`.

    `service` names the process where the environment does not. Raises what the SDK raises for settings that it cannot
    use.
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
    """In a thread of its own: the end of a loop would wait for the loop's executor, however long an endpoint takes."""
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
