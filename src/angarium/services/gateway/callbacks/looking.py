"""Which callbacks are due."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import TIMESTAMP, Executable, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from angarium.notifications.store.schema import callbacks

LOOKED_AT = 500
"""Due rows that one look chooses from."""

BESIDE_CROWDED = f"""
WITH RECURSIVE origins (origin) AS (
    SELECT min(origin) FROM callbacks WHERE next_at IS NOT NULL
    UNION ALL
    SELECT (SELECT min(c.origin) FROM callbacks c WHERE c.next_at IS NOT NULL AND c.origin > o.origin)
    FROM origins o WHERE o.origin IS NOT NULL
)
SELECT due.id, due.origin
FROM origins o CROSS JOIN LATERAL (
    SELECT c.id, c.origin, c.next_at FROM callbacks c
    WHERE c.next_at IS NOT NULL AND (c.origin, c.next_at) <= (o.origin, CAST(:now AS timestamptz))
      AND (c.origin, c.next_at) > (o.origin, CAST('-infinity' AS timestamptz))
    ORDER BY c.origin, c.next_at LIMIT {LOOKED_AT}
) due
WHERE o.origin <> ALL(:crowded)
ORDER BY due.next_at LIMIT {LOOKED_AT}
"""  # noqa: S608 - a constant of this file
"""By the index (origin, next_at): one look for each origin that has any, and none at what is due of the crowded ones.

An endpoint that takes one callback a second while a hundred are made has millions of due rows before long; in the order
of time alone all of them were read to find the others. Rows are compared, since with `origin = … AND next_at <= …` the
planner prefers the index of times.
"""
_BESIDE_CROWDED = (
    text(BESIDE_CROWDED)
    .bindparams(bindparam("now", type_=TIMESTAMP(timezone=True)), bindparam("crowded", type_=ARRAY(Text())))
    .columns(id=Uuid(), origin=Text())
)


def due(now: datetime, crowded: Collection[str], dialect: str) -> Executable:
    """The query for `id` and `origin` of the oldest that are due, without those of `crowded` origins."""
    if crowded and dialect == "postgresql":
        return _BESIDE_CROWDED.bindparams(now=now, crowded=list(crowded))
    query = select(callbacks.c.id, callbacks.c.origin).where(callbacks.c.next_at <= now)
    if crowded:
        query = query.where(callbacks.c.origin.not_in(crowded))
    return query.order_by(callbacks.c.next_at).limit(LOOKED_AT)
