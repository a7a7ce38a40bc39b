"""Values as SQLite keeps them: ids as 32 hexadecimal digits, moments as microseconds since 1970, JSON as text."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from angarium.notifications.model import Event
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.types import from_microseconds, nearest_moment, to_microseconds

_IDS = ("id", "subject")
_MOMENTS = ("created_at", "expires_at")
_MICROSECOND = timedelta(microseconds=1)

APPEND = "substr(events, 1, length(events) - 1) || :appendix"
"""Adds an `appendix` to a timeline, which is never empty: it begins with its acceptance."""
AMONG = "IN (SELECT value FROM json_each(:ids))"
"""Membership in a set given by `ids`."""


def micros(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def since(now: int, back: timedelta | None) -> int:
    """The moment `back` before `now`; without it one before every other."""
    return 0 if back is None else now - micros(back)


def moment(value: datetime | None) -> int | None:
    """A moment, if there is one."""
    return None if value is None else to_microseconds(value)


def ids(values: Iterable[UUID]) -> str:
    """The argument of AMONG."""
    return json.dumps([value.hex for value in values])


def appendix(events: Collection[Event]) -> str:
    """The argument of APPEND."""
    return f",{encode_events(events)[1:]}" if events else "]"


def event_now(kind: str, now: int, **data: object) -> Event:
    """An event of this transaction."""
    return Event(kind, from_microseconds(now), data)


def domain(row: sqlite3.Row) -> dict[str, Any]:
    """The row with ids and moments as Python knows them."""
    values = dict(zip(row.keys(), row, strict=True))  # a Row itself looks each name up from the first column on
    for name in _IDS:
        if values.get(name) is not None:
            values[name] = UUID(values[name])
    for name in _MOMENTS:
        if values.get(name) is not None:
            values[name] = nearest_moment(values[name])
    return values
