"""The statements of the PostgreSQL adapter share these pieces, and these rules.

- Each is one transaction.
- Many rows come in as arrays (`unnest`), sorted by whoever calls, so that concurrent statements lock rows in one order
  and cannot deadlock. The sweeper and the outbox lease skip what is locked.
- Plans are made once, often while tables are empty and every index looks alike. So there is one way only: a table is
  always bounded by `= ANY (keys)`, also where it is joined; conditions on columns of other indexes are hidden from the
  planner by `IS TRUE`; and the pool allows neither plans that read a table whole nor such as mix up the order of locks.
- `now()` is the moment the transaction began; leases count from `clock_timestamp()`, since a lock may have been waited
  for in between.
- In READ COMMITTED an UPDATE that had to wait judges its WHERE again on the row as it is then, so a condition on the
  old state holds at the moment of the change.
"""

from collections.abc import Mapping
from datetime import timedelta

from angarium.notifications.store import timing


def interval(duration: timedelta) -> str:
    """A duration as SQL."""
    return f"interval '{duration.total_seconds()} seconds'"


def rfc3339(moment: str) -> str:
    """The SQL that writes the moment `moment` (SQL) as RFC 3339 in UTC."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def arrays(columns: Mapping[str, str], first: int = 1) -> str:
    """The arguments of `unnest` for columns of these types, numbered from `first`."""
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), first))


NOW_TEXT = f"(SELECT {rfc3339('now()')})"
"""Now, for a timeline; evaluated once for a statement."""
PENDING_SWEEP = f"now() + {interval(timing.PENDING_GRACE)}"
DUE_GRACE = interval(timing.DUE_GRACE)
LEASE_GRACE = interval(timing.LEASE_GRACE)
RESULT_LEASE = f"clock_timestamp() + {interval(timing.RESULT_OUTBOX_LEASE)}"
ENQUEUE = "ON CONFLICT (subject, kind) DO UPDATE SET available_at = excluded.available_at"
"""An outbox row that is there already becomes available then."""
