"""Values in SQLite: ids are 32 hexadecimal digits, times microseconds since 1970, JSON text."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from angarium.notifications.model import Event
from angarium.notifications.store.record import Column, Kind, Use, used
from angarium.notifications.store.timeline import encode_events
from angarium.platform.database.types import from_microseconds, nearest_moment, to_microseconds

_READ = used(Use.CLAIMED) + used(Use.QUEUED)
_IDS = ("subject", *dict.fromkeys(column.name for column in _READ if column.kind is Kind.ID))
_MOMENTS = tuple(dict.fromkeys(column.name for column in _READ if column.kind is Kind.MOMENT))
_MICROSECOND = timedelta(microseconds=1)

APPEND = "substr(events, 1, length(events) - 1) || :appendix"
"""Adds an `appendix` to a timeline, which is never empty, since it begins with the acceptance."""
AMONG = "IN (SELECT value FROM json_each(:ids))"
"""Membership in a set given by `ids`."""


def micros(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def since(now: int, back: timedelta | None) -> int:
    """The time `back` before `now`; without it, a time before all others."""
    return 0 if back is None else now - micros(back)


def moment(value: datetime | None) -> int | None:
    """A moment, if there is one."""
    return None if value is None else to_microseconds(value)


def hexadecimal(value: UUID | None) -> str | None:
    """An id, if there is one."""
    return None if value is None else value.hex


_STORED: Mapping[Kind, Callable[[Any], Any]] = {Kind.ID: hexadecimal, Kind.MOMENT: moment}
"""Encoders of values that are not stored unchanged."""


def names(columns: Iterable[Column]) -> str:
    """A list of columns."""
    return ", ".join(column.name for column in columns)


def encoders(described: Sequence[Column]) -> list[tuple[int, Callable[[Any], Any]]]:
    """The index in `described` and the encoder of each column that is not stored unchanged."""
    return [(place, _STORED[column.kind]) for place, column in enumerate(described) if column.kind in _STORED]


def stored(described: Mapping[str, Kind], values: Mapping[str, Any]) -> dict[str, Any]:
    """The stored values of one row by name."""
    return {name: _STORED[kind](values[name]) if kind in _STORED else values[name] for name, kind in described.items()}


def id_list(values: Iterable[UUID]) -> str:
    """The argument of AMONG."""
    return json.dumps([value.hex for value in values])


def appendix(events: Collection[Event]) -> str:
    """The argument of APPEND."""
    return appended(encode_events(events))


def appended(events: str) -> str:
    """As `appendix`, for encoded events."""
    return "]" if events == "[]" else f",{events[1:]}"


def event_now(kind: str, now: int, **data: object) -> Event:
    """An event of this transaction."""
    return Event(kind, from_microseconds(now), data)


def domain(row: sqlite3.Row) -> dict[str, Any]:
    """Convert ids and moments of a row to Python types."""
    values = dict(zip(row.keys(), row, strict=True))  # a Row itself looks each name up from the first column on
    for name in _IDS:
        if values.get(name) is not None:
            values[name] = UUID(values[name])
    for name in _MOMENTS:
        if values.get(name) is not None:
            values[name] = nearest_moment(values[name])
    return values
