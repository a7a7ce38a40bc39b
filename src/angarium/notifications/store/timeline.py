"""The timeline of a notification as it is kept: a JSON array in its row."""

from collections.abc import Iterable
from datetime import UTC

import msgspec

from angarium.notifications.model import Event

_ENCODER = msgspec.json.Encoder()


def encode_events(events: Iterable[Event]) -> str:
    """A JSON array of the events, each an object with `event`, `at` (RFC 3339, `Z`) and its data.

    Raises UnicodeEncodeError or TypeError where the data is none that JSON can hold.
    """
    lines = [{"event": event.event, "at": event.at.astimezone(UTC), **event.data} for event in events]
    return _ENCODER.encode(lines).decode()
