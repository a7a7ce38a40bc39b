"""The port for tracing. A process without tracing has no `Tracing` object and imports no SDK.

Names and attributes follow OpenTelemetry's semantic conventions (HTTP 1.23, messaging 1.36). Addresses, template
variables, URLs, paths and queries are never attributes, because they may contain personal data and tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from angarium.platform.telemetry.correlation import bind_traceparent, current_traceparent

Value = str | int | float | bool
Attributes = Mapping[str, Value]


class Kind(Enum):
    """The kinds of span, as named by OpenTelemetry."""

    INTERNAL = "INTERNAL"  # work within the process
    SERVER = "SERVER"  # handling a request
    CLIENT = "CLIENT"  # making a request
    PRODUCER = "PRODUCER"  # publishing a message
    CONSUMER = "CONSUMER"  # processing a message


class Span(Protocol):
    """One span. Its methods never raise or block."""

    @property
    def traceparent(self) -> str:
        """The W3C traceparent of this span, to be used as the parent of further spans."""
        ...

    def rename(self, name: str) -> None:
        """Change the span's name. The sampler has already decided by the first name."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Set one attribute."""
        ...

    def fail(self, kind: str) -> None:
        """Mark the span as failed. `kind` (`error.type`): a class name, a status or another short word, no message."""
        ...

    def end(self) -> None:
        """End the span. Idempotent."""
        ...


class Tracing(Protocol):
    """Starts spans. Whether a span is recorded is decided at its start; other spans cost little."""

    def begin(
        self, name: str, kind: Kind, *, parent: str | None, attributes: Attributes, links: Sequence[str] = ()
    ) -> Span:
        """Start a span. Never raises or blocks.

        `parent`: a W3C traceparent; None or an invalid one starts a new trace. `links`: traceparents of further spans
        that caused this one; invalid ones are ignored.
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
    """A span around the block. Spans started in the block are its children.

    Without `parent` the span continues the current trace; an empty `parent` starts a new trace. An exception in the
    block marks the span as failed and is raised again.
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
