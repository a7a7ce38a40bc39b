"""PostgreSQL: hot statements go by index in the order of their keys, even when planned over empty tables."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from angarium.notifications.store import postgresql
from angarium.notifications.store.statements import statements
from angarium.platform.database.postgresql_pool import PLANNING

WHOLE = {
    "outbox.OUTBOX_PENDING": "counts all of the outbox",
    "sweep.REQUEUE_UNFINISHED": "once, when a process starts",
    "store.SCHEMA_VERSION": "one row",
    "store.PROOF_POSTGRESQL": "the probe of readiness",
}
"""Statements that read a table whole, and why they may."""
STATEMENTS = {name: statement for name, statement in statements(postgresql).items() if name not in WHOLE}

TABLES = ["notifications", "outbox", "dead_letters", "contact_versions"]
BY_KEY = {
    "pk_notifications": {"id"},
    "uq_notifications_request_id_tenant_caller": {"request_id"},
    "ix_notifications_sweep_at": {"sweep_at"},
    "pk_attachments": {"notification_id"},
    "pk_outbox": {"subject"},
    "ix_outbox_available_at": {"available_at"},
    "pk_dead_letters": {"id"},
    "pk_contact_versions": {"user_id"},
}
"""Each index with a column that its condition must bind; a scan without one reads all of it."""


@pytest.fixture
async def connection(migrated_postgresql: str) -> AsyncIterator[asyncpg.Connection]:
    settings = PLANNING | {"plan_cache_mode": "force_generic_plan"}
    opened = await asyncpg.connect(migrated_postgresql, server_settings=settings)
    transaction = opened.transaction()
    await transaction.start()
    await opened.execute(f"TRUNCATE {', '.join(TABLES)}")
    # What was learnt of the rows that other tests had there.
    await opened.execute("DELETE FROM pg_statistic WHERE starelid = ANY($1::text[]::regclass[])", TABLES)
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
@pytest.mark.fault(49)
async def test_every_table_is_reached_by_its_keys(connection: asyncpg.Connection, name: str) -> None:
    plan = await _plan(connection, STATEMENTS[name])
    assert not re.findall(r"Seq Scan|Bitmap|Merge Join", plan), plan
    scans = re.findall(r"Index (?:Only )?Scan using (\w+) on .*\n\s*(Index Cond|Filter)?:? ?(.*)", plan)
    assert scans or "Insert on" in plan, plan
    for index, kind, condition in scans:
        assert index in BY_KEY, plan
        assert kind == "Index Cond", plan
        assert any(column in condition for column in BY_KEY[index]), plan
