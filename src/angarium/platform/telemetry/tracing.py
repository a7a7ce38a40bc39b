"""The port to spans. A process without tracing has no `Tracing` at all: nothing is made, asked or imported.

Names and attributes follow OpenTelemetry's semantic conventions (HTTP 1.23, messaging 1.36). No attribute holds an
address, a variable, a URL, a path or a query: they may hold personal data and tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from angarium.platform.telemetry.correlation import bind_traceparent, current_traceparent

Value = str | int | float | bool
Attributes = Mapping[str, Value]


class Kind(Enum):
    """What a span is about, in the words of OpenTelemetry."""

    INTERNAL = "INTERNAL"  # work within the process
    SERVER = "SERVER"  # a request that is answered
    CLIENT = "CLIENT"  # a request that is made
    PRODUCER = "PRODUCER"  # a message that is made
    CONSUMER = "CONSUMER"  # a message that is worked on


class Span(Protocol):
    """One span. No method raises or waits."""

    @property
    def traceparent(self) -> str:
        """The W3C traceparent of this span: the parent of what it leads to."""
        ...

    def rename(self, name: str) -> None:
        """Give it another name, which what decides on the sampling has not seen."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Set one attribute."""
        ...

    def fail(self, kind: str) -> None:
        """Mark the span as failed. `kind` (`error.type`): a class name, a status or another short word, no message."""
        ...

    def end(self) -> None:
        """End the span; idempotent."""
        ...


class Tracing(Protocol):
    """Makes spans. Whether one is recorded is decided when it begins; what it costs otherwise is little."""

    def begin(
        self, name: str, kind: Kind, *, parent: str | None, attributes: Attributes, links: Sequence[str] = ()
    ) -> Span:
        """Begin a span. Never raises, never waits.

        `parent`: a W3C traceparent; None, or one that is not valid, begins a trace. `links`: traceparents of spans
        that led to this one beside its parent; those that are not valid are left out.
        """
        ...


@contextmanager
def spanned(
    tracing: Tracing,
    name: str,
    kind: Kind,
    attributes: Attributes,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
) -> Iterator[Span]:
    """A span around the block, and the trace of the work in it.

    Without `parent` it belongs to the work at hand; an empty one begins a trace.

    What the block raises marks the span as failed, and is raised.
    """
    if parent is None:
        parent = current_traceparent()
    span = tracing.begin(name, kind, parent=parent, attributes=attributes, links=links)
    try:
        with bind_traceparent(span.traceparent):
            yield span
    except BaseException as error:
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()
