"""Values as SQLite keeps them: ids as 32 hexadecimal digits, moments as microseconds since 1970, JSON as text."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from angarium.notifications.model import Event
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.types import from_microseconds, to_microseconds

_IDS = frozenset({"id", "subject"})
_MOMENTS = frozenset({"created_at", "expires_at"})
_MICROSECOND = timedelta(microseconds=1)

APPEND = "substr(events, 1, length(events) - 1) || :appendix"
"""Adds an `appendix` to a timeline, which is never empty: it begins with its acceptance."""
AMONG = "IN (SELECT value FROM json_each(:ids))"
"""Membership in a set given by `ids`."""


def micros(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


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


def domain(row: sqlite3.Row | dict[str, Any]) -> dict[str, Any]:
    """The row with ids and moments as Python knows them."""
    return {name: _convert(name, row[name]) for name in row.keys()}  # noqa: SIM118 - iterating a Row gives its values


def _convert(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _IDS:
        return UUID(hex=value)
    return from_microseconds(value) if name in _MOMENTS else value
