"""The correlation id and trace of the current work, passed on through awaits, REST calls and messages."""

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

CORRELATION_HEADER = "x-correlation-id"
TRACEPARENT_HEADER = "traceparent"

_correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_VALID_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def current_correlation_id() -> str | None:
    """The correlation id of the current work, or None."""
    return _correlation_id.get()


def current_traceparent() -> str | None:
    """The W3C traceparent of the current work, or None."""
    return _traceparent.get()


class bind_correlation:  # noqa: N801 - used as a statement, like the functions of contextlib
    """Set the correlation id and trace for the block and for tasks started in it."""

    __slots__ = ("_correlation", "_tokens", "_trace")

    def __init__(self, correlation_id: str | None, traceparent: str | None = None) -> None:
        self._correlation = correlation_id
        self._trace = traceparent

    def __enter__(self) -> None:
        self._tokens = _correlation_id.set(self._correlation), _traceparent.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _correlation_id.reset(self._tokens[0])
        _traceparent.reset(self._tokens[1])


class bind_traceparent:  # noqa: N801 - as `bind_correlation`
    """Set the trace for the block and for tasks started in it. The correlation id does not change."""

    __slots__ = ("_token", "_trace")

    def __init__(self, traceparent: str | None) -> None:
        self._trace = traceparent

    def __enter__(self) -> None:
        self._token = _traceparent.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _traceparent.reset(self._token)


def new_correlation_id(given: str | None, make: Callable[[], object]) -> str:
    """`given` if it is 1 to 128 visible ASCII characters, otherwise a new id from `make`."""
    if given is not None and _VALID_ID.fullmatch(given):
        return given
    return str(make())


def child_traceparent(given: str | None, entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A traceparent (W3C Trace Context §3.2) with a new span id.

    It continues the trace of `given`. If `given` is not a valid traceparent, it starts a new trace that is not sampled.
    """
    trace = parse_traceparent(given)
    if trace is None:
        made = entropy(24)
        return f"00-{_nonzero(made[8:])}-{_nonzero(made[:8])}-00"
    return f"00-{trace[0]}-{_nonzero(entropy(8))}-{trace[2]}"


def parse_traceparent(given: str | None) -> tuple[str, str, str] | None:
    """The trace id, span id and flags (`00`, or `01` for sampled) in hex, or None if the text is not valid."""
    match = _TRACEPARENT.fullmatch(given) if given else None
    if match is None:
        return None
    version, trace, span, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace, 16) or not int(span, 16):
        return None
    return trace, span, f"{int(flags, 16) & 1:02x}"


def _nonzero(value: bytes) -> str:
    """`value` in hex. All zeros are invalid and are replaced."""
    return (value if any(value) else b"\x01" * len(value)).hex()
