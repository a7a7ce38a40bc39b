"""The timeline of a notification as it is kept: a JSON array in its row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from angarium.notifications.model import Event

FOLDED = ("claimed", "attempt", "published", "held")
"""Kinds of events that a deferral repeats."""
FOLDED_BY = ("event", "attempt", "provider", "outcome")
"""Two of them that are alike in these say the same thing."""
_ENCODER = msgspec.json.Encoder()


def encode_events(events: Iterable[Event]) -> str:
    """A JSON array of the events, each an object with `event`, `at` (RFC 3339, `Z`) and its data.

    Raises UnicodeEncodeError or TypeError where the data is none that JSON can hold.
    """
    lines = [{"event": event.event, "at": event.at.astimezone(UTC), **event.data} for event in events]
    return _ENCODER.encode(lines).decode()


def folded(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """`events` with the deferrals at their end told once each, however often a notification was given back unsent.

    What follows the last event of another kind than FOLDED is such a run. Of events in it that say the same thing the
    last one stays, with `times`, how often it was, and `since`, the time of the first. So a timeline stays short
    while the users service or a provider is away. PostgreSQL does the same in SQL.
    """
    start = next((n for n in range(len(events), 0, -1) if events[n - 1]["event"] not in FOLDED), 0)
    runs: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for event in events[start:]:
        key = tuple(event.get(name) for name in FOLDED_BY)
        before = runs.pop(key, None)  # put in again, so that the order is that of the last ones
        runs[key] = event if before is None else _repeated(before, event)
    return [*events[:start], *runs.values()]


def _repeated(before: Mapping[str, Any], event: Mapping[str, Any]) -> Mapping[str, Any]:
    times = before.get("times", 1) + event.get("times", 1)
    return {**event, "times": times, "since": before.get("since", before["at"])}
