"""The statements of the MariaDB and MySQL adapter share these pieces, and these rules.

- There is no UPDATE … RETURNING. A single conditional UPDATE is followed by a read of what it left, or a transaction
  locks rows, judges them in Python and writes them.
- Many rows come in as one JSON document (`JSON_TABLE`), sorted by the caller, so that concurrent statements lock
  rows in one order. It is joined first (STRAIGHT_JOIN), and the table is reached by its key (FORCE INDEX), whatever the
  optimizer knows of the tables. The sweeper, the outbox lease and the renewal of leases skip what is locked.
- An UPDATE of one table evaluates its assignments from left to right, each on the values that those before it left. So
  what reads an old value stands first.
- `UTC_TIMESTAMP(6)` is the moment the statement began.
- A percent sign that is no argument is doubled.
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
"""Of one statement, as far as its values are counted: a quarter of MariaDB's default `max_allowed_packet`."""

_TEXT = "CHARACTER SET utf8mb4"
"""Said of each text: without it a JSON document's column has the database's character set, which may be Latin-1."""
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
"""Of the columns of a JSON document."""


@dataclass(frozen=True, slots=True)
class Database:
    """Runs statements. With `fast_paths` the shorter ones write the batches that allow it."""

    pool: MysqlPool
    fast_paths: bool

    async def run(self, statement: str, *values: object) -> Done:
        """One statement, committed. Raises StoreUnavailable; then it may have been committed or not.

        RowsLocked: others hold its rows, so it was not.
        """
        try:
            return await self.pool.run(statement, *values)
        except DatabaseUnavailable as error:
            raise _unavailable(error) from error

    async def fetch(self, statement: str, *values: object) -> Sequence[Row]:
        """The rows of one statement. Raises as `run`."""
        return (await self.run(statement, *values)).rows

    async def transaction(self, work: Work[ResultT]) -> ResultT:
        """The result of `work`, committed; it may be called again, after a deadlock. Raises as `run`."""
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
    """How many microseconds `back` is; without it more than any row is old."""
    return micros(timedelta(days=36_500)) if back is None else micros(back)


def moment(value: datetime | None) -> datetime | None:
    """A moment, if there is one, in UTC and without saying so, as DATETIME columns have it."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None)


def hexadecimal(value: UUID | None) -> str | None:
    """An id, if there is one."""
    return None if value is None else value.hex


_STORED: Mapping[Kind, Callable[[Any], Any]] = {Kind.ID: hexadecimal, Kind.MOMENT: moment}
"""How values are stored that are not stored as they are."""


def encoders(described: Sequence[Column]) -> list[tuple[int, Callable[[Any], Any]]]:
    """For the columns that are not stored as they are: the place of each among `described`, and its encoder."""
    return [(place, _STORED[column.kind]) for place, column in enumerate(described) if column.kind in _STORED]


def names(columns: Iterable[Column], table: str = "") -> str:
    """A list of columns, each as the column of `table` where that is given."""
    return ", ".join(f"{table}.{column.name}" if table else column.name for column in columns)


def listed(described: Iterable[str], table: str = "") -> str:
    """A list of names, each as the column of `table` where that is given."""
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
    """The argument of `IN %s`, in the order in which rows are locked. Of one id or more."""
    return tuple(sorted(identifier.hex for identifier in ids))


def pieces(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """`rows` in pieces that the server takes as one statement each."""
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
    """The row with ids and moments as Python knows them; it is changed in place."""
    for name in _IDS:
        if row.get(name) is not None:
            row[name] = UUID(row[name])
    for name in _MOMENTS:
        if row.get(name) is not None:
            row[name] = row[name].replace(tzinfo=UTC)
    return row


def appendix(events: str) -> str:
    """The argument of APPEND, of events that are encoded."""
    return "]" if events == "[]" else f",{events[1:]}"


def append(appended: str, table: str = "") -> str:
    """A timeline with an appendix. It is never empty: it begins with its acceptance."""
    events = f"{table}.events" if table else "events"
    return f"CONCAT(LEFT({events}, CHAR_LENGTH({events}) - 1), {appended})"


def later(duration: timedelta) -> str:
    """The moment of a statement, `duration` later."""
    return f"{NOW} + INTERVAL {micros(duration)} MICROSECOND"


NOW = "UTC_TIMESTAMP(6)"
NOW_TEXT = mysql_rfc3339(NOW).replace("%", "%%")
"""Now, for a timeline."""
PENDING_SWEEP = later(timing.PENDING_GRACE)
RESULT_LEASE = later(timing.RESULT_OUTBOX_LEASE)
MOMENT = f"SELECT {NOW} AS now"


def event_now(event: str, **words: str) -> str:
    """An appendix of one event of this statement, as SQL; its words are constants."""
    more = "".join(f',"{name}":"{word}"' for name, word in words.items())
    return f"""CONCAT(',{{"event":"{event}","at":"', {NOW_TEXT}, '"{more}}}]')"""
