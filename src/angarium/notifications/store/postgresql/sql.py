"""The statements of the PostgreSQL adapter share these pieces, and these rules.

- Each is one transaction.
- Many rows come in as arrays (`unnest`), sorted by the caller, so that concurrent statements lock rows in one order
  and cannot deadlock. The sweeper and the outbox lease skip what is locked.
- Plans are made once, often while tables are empty and every index looks alike. So there is one way only: a table is
  always bounded by `= ANY (keys)`, also where it is joined; conditions on columns of other indexes are hidden from the
  planner by `IS TRUE`; and the pool allows neither plans that read a table whole nor such as mix up the order of locks.
- `now()` is the moment the transaction began; leases count from `clock_timestamp()`, since a lock may have been waited
  for in between.
- In READ COMMITTED an UPDATE that had to wait judges its WHERE again on the row as it is then, so a condition on the
  old state holds at the moment of the change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from angarium.notifications.store import timing
from angarium.notifications.store.port import RowsLocked, StoreUnavailable
from angarium.notifications.store.record import Column, Kind
from angarium.notifications.store.triggers.sql import postgresql_rfc3339
from angarium.platform.database.faults import DatabaseUnavailable, got_no_lock
from angarium.platform.database.postgresql_pool import PostgresqlPool, Record

TYPES: Mapping[Kind, str] = {
    Kind.ID: "uuid",
    Kind.KEY: "text",
    Kind.WORD: "text",
    Kind.TEXT: "text",
    Kind.INTEGER: "int4",
    Kind.SMALL_INTEGER: "int2",
    Kind.BOOLEAN: "bool",
    Kind.BYTES: "bytea",
    Kind.MOMENT: "timestamptz",
    Kind.DURATION: "interval",
    Kind.VERBATIM: "json",
    Kind.DOCUMENT: "jsonb",
}


@dataclass(frozen=True, slots=True)
class Database:
    """Runs statements. With `fast_paths` the shorter ones write the batches that allow it."""

    pool: PostgresqlPool
    fast_paths: bool

    async def fetch(self, statement: str, *values: object) -> Sequence[Record]:
        """The rows of one statement, committed. Raises StoreUnavailable; then it may have been committed or not.

        RowsLocked: others hold its rows, so it was not.
        """
        try:
            return await self.pool.fetch(statement, *values)
        except DatabaseUnavailable as error:
            kind = RowsLocked if got_no_lock(error) else StoreUnavailable
            raise kind(str(error)) from error


def interval(duration: timedelta) -> str:
    """A duration as SQL."""
    return f"interval '{duration.total_seconds()} seconds'"


def arrays(described: Mapping[str, Kind], first: int = 1) -> str:
    """The arguments of `unnest` for these columns, numbered from `first`."""
    return ", ".join(f"${number}::{TYPES[kind]}[]" for number, kind in enumerate(described.values(), first))


def names(columns: Iterable[Column], table: str = "") -> str:
    """A list of columns, each as the column of `table` where that is given."""
    return ", ".join(f"{table}.{column.name}" if table else column.name for column in columns)


def default(column: Column) -> str:
    """The column's declared default."""
    value = column.default if column.encode is None else column.encode(column.default)
    text = "NULL" if value is None else f"'{str(value).lower() if column.kind is Kind.BOOLEAN else value}'"
    return f"{text}::{TYPES[column.kind]}"


NOW_TEXT = f"(SELECT {postgresql_rfc3339('now()')})"
"""Now, for a timeline; evaluated once for a statement."""
PENDING_SWEEP = f"now() + {interval(timing.PENDING_GRACE)}"
DUE_GRACE = interval(timing.DUE_GRACE)
LEASE_GRACE = interval(timing.LEASE_GRACE)
RESULT_LEASE = f"clock_timestamp() + {interval(timing.RESULT_OUTBOX_LEASE)}"
ENQUEUE = "ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at"
"""An outbox row that is there already becomes available then."""
