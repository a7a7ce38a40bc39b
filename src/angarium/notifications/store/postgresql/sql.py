"""Shared parts and rules of the statements for PostgreSQL.

- Each is one transaction.
- Rows are passed as arrays (`unnest`), sorted by the caller, so that concurrent statements lock rows in the same order
  and cannot deadlock. The sweeper and the outbox lease skip locked rows.
- Plans are made once, often while tables are empty and all indexes look equal. So only one plan may be possible: a
  table is always restricted by `= ANY (keys)`, also in joins; conditions on columns of other indexes are hidden from
  the planner with `IS TRUE`; and the pool disables sequential scans and plans that change the order of locks.
- `now()` is the start of the transaction; leases count from `clock_timestamp()`, since the statement may have waited
  for a lock.
- In READ COMMITTED an UPDATE that had to wait evaluates its WHERE again on the current row, so a condition on the old
  state holds at the time of the change.
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
    """Runs statements. With `fast_paths` shorter ones are used for the batches that allow it."""

    pool: PostgresqlPool
    fast_paths: bool

    async def fetch(self, statement: str, *values: object) -> Sequence[Record]:
        """Run and commit one statement and return its rows.

        Raises StoreUnavailable, after which it may have been committed.

        RowsLocked: other transactions hold its rows, so it was not.
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
    """A list of columns, qualified with `table` if given."""
    return ", ".join(f"{table}.{column.name}" if table else column.name for column in columns)


def default(column: Column) -> str:
    """The column's declared default."""
    value = column.default if column.encode is None else column.encode(column.default)
    text = "NULL" if value is None else f"'{str(value).lower() if column.kind is Kind.BOOLEAN else value}'"
    return f"{text}::{TYPES[column.kind]}"


NOW_TEXT = f"(SELECT {postgresql_rfc3339('now()')})"
"""The current time for a timeline; evaluated once per statement."""
PENDING_SWEEP = f"now() + {interval(timing.PENDING_GRACE)}"
DUE_GRACE = interval(timing.DUE_GRACE)
LEASE_GRACE = interval(timing.LEASE_GRACE)
RESULT_LEASE = f"clock_timestamp() + {interval(timing.RESULT_OUTBOX_LEASE)}"
ENQUEUE = "ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at"
"""An existing outbox row is rescheduled to that time."""
