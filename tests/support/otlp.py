"""A collector: an OTLP/HTTP endpoint that stores the spans that processes export to it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.wait import until

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One exported span. Ids are in hex; `parent` is empty for a root span."""

    service: str
    name: str
    kind: str
    trace: str
    span: str
    parent: str
    failed: bool
    attributes: dict[str, Value]
    links: tuple[str, ...]


@dataclass
class Collector:
    """The collector. It needs no event loop. It answers with `status`, and only while `open` is set."""

    port: int
    status: int = 200
    open: threading.Event = field(default_factory=threading.Event)
    received: list[tuple[str, bytes]] = field(default_factory=list)
    """Head and body of each request."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a process export to this collector, at short intervals."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    @property
    def text(self) -> str:
        """Everything received, as text."""
        return "\n".join(f"{head}\n{body.decode('latin-1')}" for head, body in self.received)

    @property
    def spans(self) -> list[Seen]:
        """All spans received so far."""
        found = []
        for _, body in list(self.received):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                names = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
                [service] = names
                found += [_seen(service, span) for scope in resource.scope_spans for span in scope.spans]
        return found

    def of(self, trace: str) -> list[Seen]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    async def wait_for(self, trace: str, enough: Callable[[Sequence[Seen]], bool]) -> list[Seen]:
        """Wait for up to 30 s until the spans of a trace are `enough`, and return them."""

        async def there() -> list[Seen] | None:
            spans = self.of(trace)
            return spans if enough(spans) else None

        found = await until(there, 30, message=f"the spans of {trace}: {[one.name for one in self.of(trace)]}")
        assert found is not None
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.received.append((f"{self.requestline}\n{self.headers}", body))
            made.open.wait()
            self.send_response(made.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Collector(server.server_port)
    made.open.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _seen(service: str, span: Span) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes={one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes},
        links=tuple(link.trace_id.hex() for link in span.links),
    )
