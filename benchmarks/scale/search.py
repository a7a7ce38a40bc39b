"""Lists and searches over a million notifications use an index, and deep pages are as fast as the first."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.statuses import Status
from angarium.notifications.store.paging import Cursor
from angarium.notifications.store.read.notifications import NotificationFilter, NotificationReader
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.migrate import upgrade

TENANT = "big"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = 15
_FILL = """
    INSERT INTO notifications (id, tenant, caller, request_id, fingerprint, channel, user_id, template_code,
        template_version, locale, priority, variables, metadata, policy, correlation_id, fallback, status, attempts,
        events, created_at, updated_at)
    SELECT gen_random_uuid(), 'big', 'shop', 'r-' || n, '\\x00', 'email', 'user-' || n % 10000, 'welcome', 1, 'en', 5,
        '{}', jsonb_build_object('order', n, 'campaign', 'c-' || n % 10), 'at_least_once', 'c', '[]',
        (ARRAY['sent', 'sent', 'sent', 'delivered', 'failed'])[1 + n % 5], 1,
        '[{"event": "accepted", "at": "2026-01-01T00:00:00Z", "status": "pending"}]',
        timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second', now()
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
"""


def search(url: str, rows: int) -> Mapping[str, Any]:
    """Raises AssertionError if a plan scans a whole table, or if a deep page is much slower than the first."""
    return asyncio.run(_search(url, rows))


async def _search(url: str, rows: int) -> Mapping[str, Any]:
    engine = open_engine(url)
    await upgrade(engine, MIGRATIONS)
    await _fill(engine, rows)
    middle = BEGIN + timedelta(seconds=rows // 2)
    searches = {
        "all": NotificationFilter(),
        "user": NotificationFilter(user_id="user-42"),
        "status": NotificationFilter(status=Status.FAILED),
        "time": NotificationFilter(from_=middle, to=middle + timedelta(hours=1)),
        "metadata, rare": NotificationFilter(metadata=(("order", str(rows // 3)),)),
        "metadata, frequent": NotificationFilter(metadata=(("campaign", "c-3"),)),
        "metadata, two": NotificationFilter(metadata=(("campaign", "c-3"), ("order", "33333"))),
    }
    figures = {name: await _measure(engine, wanted, rows) for name, wanted in searches.items()}
    await engine.dispose()
    return figures


async def _fill(engine: AsyncEngine, rows: int) -> None:
    for first in range(0, rows, 50_000):
        async with writing(engine) as connection:
            await connection.execute(text(_FILL), {"first": first, "last": min(first + 50_000, rows) - 1})
    async with engine.connect() as connection:
        done = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await done.execute(text("VACUUM ANALYZE"))


async def _measure(engine: AsyncEngine, wanted: NotificationFilter, rows: int) -> Mapping[str, Any]:
    reader = NotificationReader(engine)
    deep = str(Cursor(BEGIN + timedelta(seconds=rows * 0.55), (await _any_id(engine))))
    indexes = await _indexes(engine, reader, wanted)
    first, last = await _time(reader, wanted, None), await _time(reader, wanted, deep)
    assert last < 3 * first + 20, (wanted, first, last)
    return {"first_ms": first, "deep_ms": last, "indexes": sorted(indexes)}


async def _any_id(engine: AsyncEngine) -> Any:
    async with reading(engine) as connection:
        return await connection.scalar(text("SELECT id FROM notifications LIMIT 1"))


async def _time(reader: NotificationReader, wanted: NotificationFilter, cursor: str | None) -> float:
    times = []
    for _ in range(TIMES):
        begin = time.monotonic()
        await reader.find(TENANT, wanted, limit=50, cursor=cursor)
        times.append((time.monotonic() - begin) * 1000)
    return sorted(times)[TIMES // 2]


async def _indexes(engine: AsyncEngine, reader: NotificationReader, wanted: NotificationFilter) -> set[str]:
    """The indexes in the plans of all statements of a search. Raises AssertionError for a full table scan."""
    asked: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", remember)
    await reader.find(TENANT, wanted, limit=50)
    event.remove(engine.sync_engine, "before_cursor_execute", remember)
    used: set[str] = set()
    async with reading(engine) as connection:
        for statement, parameters in asked:
            if "notifications" in statement:
                used |= await _plan(connection, statement, parameters)
    return used


async def _plan(connection: AsyncConnection, statement: str, parameters: Any) -> set[str]:
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    lines = [row[0] for row in await raw.fetch(f"EXPLAIN {statement}", *parameters)]
    assert not any("Seq Scan" in line for line in lines), lines
    words = [line.split(" using ")[1].split()[0] for line in lines if " using " in line]
    bitmaps = [line.split(" on ")[1].split()[0] for line in lines if "Bitmap Index Scan" in line]
    return {*words, *bitmaps}
