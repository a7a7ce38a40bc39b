"""Tracing that stores its spans in memory."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from angarium.platform.telemetry.opentelemetry import SdkTracing, tracing_of


class Kept:
    """A tracing object and its ended spans."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing: SdkTracing = tracing_of(provider)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The ended spans, in the order of their ends."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> Sequence[ReadableSpan]:
        """The ended spans whose names begin with `name`."""
        return [span for span in self.spans if span.name.startswith(name)]


def parent_of(span: ReadableSpan) -> str | None:
    """The parent's id in hex."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    """The span's own id in hex."""
    assert span.context is not None
    return f"{span.context.span_id:016x}"
