"""PostgreSQL: hot statements go by index in the order of their keys, even when planned over empty tables."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from angarium.notifications.store.postgresql import accept, claim, outbox, record, sweep
from angarium.notifications.store.postgresql import dead_letters as letters
from angarium.platform.database.postgresql_pool import PLANNING

WHOLE = {
    "OUTBOX_PENDING": "counts all of the outbox",
    "REQUEUE_UNFINISHED": "once, when a process starts",
}
"""Statements that read a table whole, and why they may."""
STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (accept, claim, letters, outbox, record, sweep)
    for name, value in vars(module).items()
    if name.isupper()
    and not name.startswith("_")
    and isinstance(value, str)
    and re.match(r"\s*(WITH|SELECT|UPDATE|DELETE)\b", value)
    and name not in WHOLE
}

BY_KEY = {
    "pk_notifications": {"id"},
    "uq_notifications_request_id_tenant_caller": {"request_id"},
    "ix_notifications_sweep_at": {"sweep_at"},
    "pk_outbox": {"subject"},
    "ix_outbox_available_at": {"available_at"},
    "pk_dead_letters": {"id"},
}
"""Each index with a column that its condition must bind; a scan without one reads all of it."""


@pytest.fixture
async def connection(migrated_postgresql: str) -> AsyncIterator[asyncpg.Connection]:
    settings = PLANNING | {"plan_cache_mode": "force_generic_plan"}
    opened = await asyncpg.connect(migrated_postgresql, server_settings=settings)
    transaction = opened.transaction()
    await transaction.start()
    await opened.execute("TRUNCATE notifications, outbox, dead_letters")
    yield opened
    await transaction.rollback()
    await opened.close()


async def _plan(connection: asyncpg.Connection, statement: str) -> str:
    prepared = await connection.prepare(statement)
    values = ", ".join(["NULL"] * len(prepared.get_parameters()))
    await connection.execute(f"PREPARE planned AS {statement}")
    rows = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE planned({values})")
    return "\n".join(row[0] for row in rows)


@pytest.mark.distributed
@pytest.mark.parametrize("name", STATEMENTS)
async def test_every_table_is_reached_by_its_keys(connection: asyncpg.Connection, name: str) -> None:
    plan = await _plan(connection, STATEMENTS[name])
    assert not re.findall(r"Seq Scan|Bitmap|Merge Join", plan), plan
    scans = re.findall(r"Index (?:Only )?Scan using (\w+) on .*\n\s*(Index Cond|Filter)?:? ?(.*)", plan)
    assert scans or "Insert on" in plan, plan
    for index, kind, condition in scans:
        assert index in BY_KEY, plan
        assert kind == "Index Cond", plan
        assert any(column in condition for column in BY_KEY[index]), plan
