"""The query of due callbacks."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import TIMESTAMP, Executable, Text, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from angarium.notifications.store.schema import callbacks

LOOKED_AT = 500
"""Due rows that one query considers."""
TURNS = 5000
"""Due rows among which tenants are served in rotation on MariaDB and MySQL."""
OF_AN_ORIGIN = 16
"""The same per origin: more than its limit of concurrent attempts."""

BESIDE_CROWDED = f"""
WITH RECURSIVE origins (origin) AS (
    SELECT min(origin) FROM callbacks WHERE next_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(c.origin) FROM callbacks c WHERE c.next_at IS NOT NULL AND c.origin > o.origin)
    FROM origins o WHERE o.origin IS NOT NULL
)
SELECT due.id, due.origin, due.tenant
FROM origins o CROSS JOIN LATERAL (
    SELECT c.id, c.origin, c.tenant, c.next_at FROM callbacks c
    WHERE c.next_at IS NOT NULL AND (c.origin, c.next_at) <= (o.origin, CAST(:now AS timestamptz))
      AND (c.origin, c.next_at) > (o.origin, CAST('-infinity' AS timestamptz))
      AND c.tenant <> ALL(:full)
    ORDER BY c.origin, c.next_at LIMIT {OF_AN_ORIGIN}
) due
WHERE o.origin <> ALL(:crowded)
ORDER BY row_number() OVER (PARTITION BY due.tenant ORDER BY due.next_at), due.next_at LIMIT {LOOKED_AT}
"""  # noqa: S608 - a constant of this file
"""Uses the index (origin, next_at): one look-up per origin with due rows, without reading those of crowded origins.

An endpoint that accepts one callback per second while a hundred are created soon has millions of due rows; in order of
time, all of them would be read to find the others. Rows are compared, since with `origin = … AND next_at <= …` the
planner prefers the index of times.
"""
_BESIDE_CROWDED = (
    text(BESIDE_CROWDED)
    .bindparams(
        bindparam("now", type_=TIMESTAMP(timezone=True)),
        bindparam("crowded", type_=ARRAY(Text())),
        bindparam("full", type_=ARRAY(Text())),
    )
    .columns(id=Uuid(), origin=Text(), tenant=Text())
)


def due(now: datetime, crowded: Collection[str], full: Collection[str], dialect: str) -> Executable:
    """The query for `id`, `origin` and `tenant` of the oldest due callbacks.

    Excludes `crowded` origins and `full` tenants. Other tenants are served in rotation; on MariaDB and MySQL, whose
    index covers only prefixes of origins, among the TURNS oldest.
    """
    if (crowded or full) and dialect == "postgresql":
        return _BESIDE_CROWDED.bindparams(now=now, crowded=list(crowded), full=list(full))
    query = select(callbacks.c.id, callbacks.c.origin, callbacks.c.tenant).where(callbacks.c.next_at <= now)
    if crowded:
        query = query.where(callbacks.c.origin.not_in(crowded))
    if full:
        query = query.where(callbacks.c.tenant.not_in(full))
    oldest = query.order_by(callbacks.c.next_at).limit(LOOKED_AT)
    if not full or dialect != "mysql":
        return oldest
    some = query.add_columns(callbacks.c.next_at).order_by(callbacks.c.next_at).limit(TURNS).subquery()
    turn = func.row_number().over(partition_by=some.c.tenant, order_by=some.c.next_at)
    return select(some.c.id, some.c.origin, some.c.tenant).order_by(turn, some.c.next_at).limit(LOOKED_AT)
