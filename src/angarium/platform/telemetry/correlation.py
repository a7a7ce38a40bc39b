"""The correlation id and trace of the work at hand, carried through awaits, REST calls and messages."""

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
    """The correlation id of the work at hand; None outside of any."""
    return _correlation_id.get()


def current_traceparent() -> str | None:
    """The W3C traceparent of the work at hand; None outside of any."""
    return _traceparent.get()


class bind_correlation:  # noqa: N801 - used as a statement, like the functions of contextlib
    """Make these the correlation id and trace within the block, and in tasks started there."""

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
    """Make this the trace within the block, and in tasks started there; the correlation id stays."""

    __slots__ = ("_token", "_trace")

    def __init__(self, traceparent: str | None) -> None:
        self._trace = traceparent

    def __enter__(self) -> None:
        self._token = _traceparent.set(self._trace)

    def __exit__(self, *_: object) -> None:
        _traceparent.reset(self._token)


def new_correlation_id(given: str | None, make: Callable[[], object]) -> str:
    """`given` where it is 1 to 128 visible ASCII characters; else a new one by `make`."""
    if given is not None and _VALID_ID.fullmatch(given):
        return given
    return str(make())


def child_traceparent(given: str | None, entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A traceparent (W3C Trace Context §3.2) with a span id of its own.

    It stays in the trace of `given` where that is valid, else it begins one, not sampled.
    """
    trace = parse_traceparent(given)
    if trace is None:
        made = entropy(24)
        return f"00-{_nonzero(made[8:])}-{_nonzero(made[:8])}-00"
    return f"00-{trace[0]}-{_nonzero(entropy(8))}-{trace[2]}"


def parse_traceparent(given: str | None) -> tuple[str, str, str] | None:
    """Trace id, span id and flags (`00` or `01`, sampled) of a valid traceparent, in hex; None for any other text."""
    match = _TRACEPARENT.fullmatch(given) if given else None
    if match is None:
        return None
    version, trace, span, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace, 16) or not int(span, 16):
        return None
    return trace, span, f"{int(flags, 16) & 1:02x}"


def _nonzero(value: bytes) -> str:
    """In hex; all zeros would be invalid."""
    return (value if any(value) else b"\x01" * len(value)).hex()
