"""The stored timeline of a notification: a JSON array in its row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from angarium.notifications.model import Event

FOLDED = ("claimed", "attempt", "published", "held")
"""Kinds of events that deferrals repeat."""
FOLDED_BY = ("event", "attempt", "provider", "outcome")
"""Fields by which two such events are equal."""
_ENCODER = msgspec.json.Encoder()


def encode_events(events: Iterable[Event]) -> str:
    """A JSON array of the events, each an object with `event`, `at` (RFC 3339, `Z`) and its data.

    Raises UnicodeEncodeError or TypeError if the data cannot be encoded as JSON.
    """
    lines = [{"event": event.event, "at": event.at.astimezone(UTC), **event.data} for event in events]
    return _ENCODER.encode(lines).decode()


def folded(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Merge repeated deferrals at the end of `events` into one event each.

    The events after the last one of a kind outside of FOLDED are such a run. Of equal events in it the last one is
    kept, with `times`, their number, and `since`, the time of the first. So timelines stay short while the users
    service or a provider is unavailable. PostgreSQL does the same in SQL.
    """
    start = next((n for n in range(len(events), 0, -1) if events[n - 1]["event"] not in FOLDED), 0)
    runs: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for event in events[start:]:
        key = tuple(event.get(name) for name in FOLDED_BY)
        before = runs.pop(key, None)  # reinserted, so that the order is that of the last occurrences
        runs[key] = event if before is None else _repeated(before, event)
    return [*events[:start], *runs.values()]


def _repeated(before: Mapping[str, Any], event: Mapping[str, Any]) -> Mapping[str, Any]:
    times = before.get("times", 1) + event.get("times", 1)
    return {**event, "times": times, "since": before.get("since", before["at"])}
