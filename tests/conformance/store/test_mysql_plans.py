"""MariaDB: hot statements and lists go by index, whatever the size of the tables."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from angarium.notifications.store import mysql
from angarium.notifications.store.statements import statements
from angarium.platform.database.engine import reading, writing
from tests.conformance.store.backends import Backend, notification

pytestmark = [pytest.mark.distributed, pytest.mark.parametrize("backend", ["mariadb"], indirect=True)]

WHOLE = {
    "accept.INSERT": "completed with its rows, and reads nothing",
    "outbox.OUTBOX_PENDING": "counts all of the outbox",
    "sweep.RELEASE_LEASES": "once, when a process starts",
    "store.SCHEMA_VERSION": "one row",
    "sql.MOMENT": "reads no table",
    "record.NEXT_ID": "reads no table",
}
"""Statements that may read a table whole, and why."""
STATEMENTS = {name: statement for name, statement in statements(mysql).items() if name not in WHOLE}
STATEMENTS["accept.PRIOR"] += " (request_id = %s AND tenant = %s AND caller = %s)"
TABLES = {"notifications", "n", "o", "outbox", "dead_letters", "contact_versions", "callbacks", "notification_metadata"}
IDS = "('00000000000000000000000000000001', '00000000000000000000000000000002')"
LISTS = {
    "SELECT id FROM notifications WHERE tenant = 'acme' ORDER BY created_at DESC, id DESC LIMIT 11": "created_at_id",
    """SELECT id FROM notifications WHERE tenant = 'acme' AND created_at <= '2026-01-01'
       AND (created_at, id) < ('2026-01-01', '0') ORDER BY created_at DESC, id DESC LIMIT 11""": "tenant_created_at_id",
    """SELECT id FROM notifications WHERE tenant = 'acme' AND status = 'pending'
       ORDER BY created_at DESC, id DESC LIMIT 11""": "status_created_at_id",
    """SELECT id FROM notifications WHERE tenant = 'acme' AND user_id = 'u-1'
       ORDER BY created_at DESC, id DESC LIMIT 11""": "user_id_created_at_id",
    """SELECT id FROM notification_metadata WHERE tenant = 'acme' AND name = 'order' AND value = '7'
       ORDER BY created_at DESC, id DESC LIMIT 11""": "PRIMARY",
    "SELECT id FROM dead_letters WHERE tenant = 'acme' ORDER BY failed_at DESC, id DESC LIMIT 11": "failed_at_id",
    "SELECT id FROM callbacks WHERE next_at <= '2026-01-01' ORDER BY next_at LIMIT 500": "next_at",
}


async def _fill(backend: Backend) -> None:
    for number in range(10):
        await backend.accept(*(notification(metadata=f'{{"order":{number}}}') for _ in range(50)))
    await backend.failed()
    async with writing(backend.engine) as connection:
        for table in ("notifications", "notification_metadata"):
            await connection.execute(text(f"ANALYZE TABLE {table}"))


def _with_values(statement: str) -> str:
    """The statement with values of the right kind, as they are not looked at by these plans."""
    made = statement.replace("IN %s", f"IN {IDS}").replace("JSON_TABLE(%s", f"JSON_TABLE('{_ROWS}'")
    made = re.sub(r"(LIMIT|INTERVAL) %s", r"\1 10", made)
    return re.sub(r"(?<!%)%s", "'00000000000000000000000000000001'", made).replace("%%", "%")


_ROWS = '[["00000000000000000000000000000001", "00000000000000000000000000000002", "sent"]]'


async def _plan(backend: Backend, statement: str) -> list[dict[str, Any]]:
    async with reading(backend.engine) as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}".replace("%", "%%"))
        return [dict(row) for row in rows.mappings()]


async def test_every_table_is_reached_by_its_keys(backend: Backend, subtests: pytest.Subtests) -> None:
    await _fill(backend)
    for name, statement in STATEMENTS.items():
        with subtests.test(name):
            for step in await _plan(backend, _with_values(statement)):
                if step["table"] in TABLES and step["select_type"] != "INSERT":
                    assert step["type"] != "ALL", step
                    assert step["key"] is not None, step


async def test_pages_come_in_the_order_of_an_index(backend: Backend, subtests: pytest.Subtests) -> None:
    await _fill(backend)
    for query, index in LISTS.items():
        with subtests.test(index):
            [step] = await _plan(backend, query)
            assert step["key"].endswith(index), step
            assert "filesort" not in (step["Extra"] or ""), step
            assert step["type"] == ("range" if "<=" in query else "ref"), step
