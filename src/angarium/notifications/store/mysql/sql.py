"""Shared parts and rules of the statements for MariaDB and MySQL.

- There is no UPDATE … RETURNING. A conditional UPDATE is followed by a SELECT of its result, or a transaction locks
  rows, evaluates them in Python and writes them.
- Rows are passed as one JSON document (`JSON_TABLE`), sorted by the caller, so that concurrent statements lock rows in
  the same order. It is joined first (STRAIGHT_JOIN), and the table is read by its key (FORCE INDEX), whatever the
  optimizer's statistics. The sweeper, the outbox lease and the renewal of leases skip locked rows.
- An UPDATE of one table evaluates its assignments from left to right, each with the results of the earlier ones. So
  assignments that read an old value come first.
- `UTC_TIMESTAMP(6)` is the start of the statement.
- A literal percent sign is doubled.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from angarium.notifications.store import timing
from angarium.notifications.store.port import RowsLocked, StoreUnavailable
from angarium.notifications.store.record import Column, Kind, Use, used
from angarium.notifications.store.triggers.sql import mysql_rfc3339
from angarium.platform.database.faults import DatabaseUnavailable, got_no_lock
from angarium.platform.database.mysql_pool import Done, MysqlPool, Work

ResultT = TypeVar("ResultT")
Row = dict[str, Any]

_MICROSECOND = timedelta(microseconds=1)
_READ = used(Use.CLAIMED) + used(Use.QUEUED)
_IDS = ("subject", "claim_token", *dict.fromkeys(column.name for column in _READ if column.kind is Kind.ID))
_MOMENTS = tuple(dict.fromkeys(column.name for column in _READ if column.kind is Kind.MOMENT))
_STATEMENT_BYTES = 4 << 20
"""Limit of a statement's values: a quarter of MariaDB's default `max_allowed_packet`."""

_TEXT = "CHARACTER SET utf8mb4"
"""Required for each text: without it a column of a JSON document has the database's character set, possibly Latin-1."""
TYPES: Mapping[Kind, str] = {
    Kind.ID: f"CHAR(32) {_TEXT}",
    Kind.KEY: f"VARCHAR(255) {_TEXT}",
    Kind.WORD: f"VARCHAR(16) {_TEXT}",
    Kind.TEXT: f"LONGTEXT {_TEXT}",
    Kind.INTEGER: "INT",
    Kind.SMALL_INTEGER: "SMALLINT",
    Kind.BOOLEAN: "TINYINT",
    Kind.BYTES: f"LONGTEXT {_TEXT}",  # in hexadecimal digits
    Kind.MOMENT: "DATETIME(6)",
    Kind.DURATION: "BIGINT",  # in microseconds
    Kind.VERBATIM: f"LONGTEXT {_TEXT}",
    Kind.DOCUMENT: f"LONGTEXT {_TEXT}",
}
"""Types of the columns of a JSON document."""


@dataclass(frozen=True, slots=True)
class Database:
    """Runs statements. With `fast_paths` shorter ones are used for the batches that allow it."""

    pool: MysqlPool
    fast_paths: bool

    async def run(self, statement: str, *values: object) -> Done:
        """Run and commit one statement. Raises StoreUnavailable, after which it may have been committed.

        RowsLocked: other transactions hold its rows, so it was not.
        """
        try:
            return await self.pool.run(statement, *values)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error

    async def fetch(self, statement: str, *values: object) -> Sequence[Row]:
        """Run one statement and return its rows. Raises as `run`."""
        return (await self.run(statement, *values)).rows

    async def transaction(self, work: Work[ResultT]) -> ResultT:
        """Run `work` in a transaction and return its result; after a deadlock it is called again. Raises as `run`."""
        try:
            return await self.pool.transaction(work)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error


def _unavailable(error: DatabaseUnavailable) -> StoreUnavailable:
    return (RowsLocked if got_no_lock(error) else StoreUnavailable)(str(error))


def micros(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def since(back: timedelta | None) -> int:
    """`back` in microseconds; without it, longer than the age of any row."""
    return micros(timedelta(days=36_500)) if back is None else micros(back)


def moment(value: datetime | None) -> datetime | None:
    """A moment, if any, as a naive UTC datetime for DATETIME columns."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None)


def hexadecimal(value: UUID | None) -> str | None:
    """An id, if any, in hexadecimal digits."""
    return None if value is None else value.hex


_STORED: Mapping[Kind, Callable[[Any], Any]] = {Kind.ID: hexadecimal, Kind.MOMENT: moment}
"""Encoders of values that are not stored unchanged."""


def encoders(described: Sequence[Column]) -> list[tuple[int, Callable[[Any], Any]]]:
    """The index in `described` and the encoder of each column that is not stored unchanged."""
    return [(place, _STORED[column.kind]) for place, column in enumerate(described) if column.kind in _STORED]


def names(columns: Iterable[Column], table: str = "") -> str:
    """A list of columns, qualified with `table` if given."""
    return ", ".join(f"{table}.{column.name}" if table else column.name for column in columns)


def listed(described: Iterable[str], table: str = "") -> str:
    """A list of names, qualified with `table` if given."""
    return ", ".join(f"{table}.{name}" if table else name for name in described)


def rows_of(described: Mapping[str, Kind], alias: str = "r") -> str:
    """The argument of `as_rows` as a table with these columns."""
    columns = (f"{name} {TYPES[kind]} PATH '$[{place}]'" for place, (name, kind) in enumerate(described.items()))
    return f"JSON_TABLE(%s, '$[*]' COLUMNS ({', '.join(columns)})) AS {alias}"


_JSON: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.ID: lambda value: value.hex,
    Kind.BYTES: lambda value: value.hex(),
    Kind.MOMENT: lambda value: str(moment(value)),
    Kind.DURATION: micros,
    Kind.BOOLEAN: int,
}
_encode = msgspec.json.Encoder().encode


def as_rows(described: Mapping[str, Kind], rows: Iterable[Mapping[str, Any]]) -> str:
    """The argument of `rows_of`."""
    encoded = [(name, _JSON.get(kind)) for name, kind in described.items()]
    lines = [
        [row[name] if encode is None or row[name] is None else encode(row[name]) for name, encode in encoded]
        for row in rows
    ]
    return _encode(lines).decode()


def id_list(ids: Iterable[UUID]) -> tuple[str, ...]:
    """The argument of `IN %s`, in the order of row locks. Needs at least one id."""
    return tuple(sorted(identifier.hex for identifier in ids))


def pieces(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Split `rows` so that each part fits into one statement."""
    piece: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        length = sum(len(value) for value in row if isinstance(value, str | bytes))
        if piece and size + length > _STATEMENT_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(row)
        size += length
    if piece:
        yield piece


def domain(row: Row) -> Row:
    """Convert ids and moments of a row to Python types, in place."""
    for name in _IDS:
        if row.get(name) is not None:
            row[name] = UUID(row[name])
    for name in _MOMENTS:
        if row.get(name) is not None:
            row[name] = row[name].replace(tzinfo=UTC)
    return row


def appendix(events: str) -> str:
    """The argument of APPEND for encoded events."""
    return "]" if events == "[]" else f",{events[1:]}"


def append(appended: str, table: str = "") -> str:
    """Append to a timeline, which is never empty, since it begins with the acceptance."""
    events = f"{table}.events" if table else "events"
    return f"CONCAT(LEFT({events}, CHAR_LENGTH({events}) - 1), {appended})"


def later(duration: timedelta) -> str:
    """The statement's time plus `duration`."""
    return f"{NOW} + INTERVAL {micros(duration)} MICROSECOND"


NOW = "UTC_TIMESTAMP(6)"
NOW_TEXT = mysql_rfc3339(NOW).replace("%", "%%")
"""The current time for a timeline."""
PENDING_SWEEP = later(timing.PENDING_GRACE)
RESULT_LEASE = later(timing.RESULT_OUTBOX_LEASE)
MOMENT = f"SELECT {NOW} AS now"


def event_now(event: str, **words: str) -> str:
    """An appendix with one event of this statement, as SQL; its texts are constants."""
    more = "".join(f',"{name}":"{word}"' for name, word in words.items())
    return f"""CONCAT(',{{"event":"{event}","at":"', {NOW_TEXT}, '"{more}}}]')"""
