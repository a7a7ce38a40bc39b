"""PostgreSQL: what sweeper and relay read does not grow with the rows that were moved on since the last vacuum."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from angarium.notifications.store.postgresql import outbox, sweep
from angarium.platform.database.postgresql_pool import PLANNING

pytestmark = [pytest.mark.distributed, pytest.mark.long]

CYCLES = 200_000
BACK = timedelta(seconds=20)
_ACCEPTED = """
INSERT INTO notifications (id, tenant, caller, request_id, fingerprint, channel, template_code, template_version,
    locale, priority, variables, metadata, policy, correlation_id, fallback, status, attempts, events, created_at,
    updated_at, sweep_at)
SELECT gen_random_uuid(), 'acme', 'shop', 'r-' || n, 'f', 'email', 'welcome', 1, 'en', 5, '{}', '{}', 'at_least_once',
    'c', '[]', 'pending', 0, '[]', now(), now(), now() - interval '1 hour' + n * interval '10 milliseconds'
FROM generate_series(1, $1) n
"""
_CLAIMED = "UPDATE notifications SET status = 'sending', sweep_at = sweep_at + interval '1 minute'"
_SENT = "UPDATE notifications SET status = 'sent', sweep_at = NULL"
_QUEUED = "INSERT INTO outbox (subject, kind, available_at) SELECT id, 'work', sweep_at FROM notifications"


@asynccontextmanager
async def _without_vacuum(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to tables in which CYCLES notifications were accepted, queued, published, claimed and sent.

    A snapshot from before stays open, as a dump's does, so that nothing that is dead may be forgotten.
    """
    connection, dump = await asyncpg.connect(url), await asyncpg.connect(url)
    await connection.execute("TRUNCATE notifications, outbox")
    await connection.execute("ALTER TABLE notifications SET (autovacuum_enabled = off)")
    await connection.execute("ALTER TABLE outbox SET (autovacuum_enabled = off)")
    try:
        async with dump.transaction(isolation="repeatable_read"):
            await dump.fetchval("SELECT count(*) FROM outbox")
            await connection.execute(_ACCEPTED.replace("$1", str(CYCLES)))
            await connection.execute(_QUEUED)
            await connection.execute("DELETE FROM outbox")
            await connection.execute(_CLAIMED)
            await connection.execute(_SENT)
            for name, value in PLANNING.items():
                await connection.execute(f"SET {name} = {value}")
            yield connection
    finally:
        await connection.execute("ALTER TABLE notifications RESET (autovacuum_enabled)")
        await connection.execute("ALTER TABLE outbox RESET (autovacuum_enabled)")
        await connection.execute("TRUNCATE notifications, outbox")
        await connection.close()
        await dump.close()


async def _pages(connection: asyncpg.Connection, statement: str, arguments: str) -> int:
    """The pages that a run of the statement touches."""
    await connection.execute("DEALLOCATE ALL")
    await connection.execute(f"PREPARE measured AS {statement}")
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) EXECUTE measured({arguments})")
    text = "\n".join(row[0] for row in rows)
    top = next(line for line in text.splitlines() if "Buffers:" in line)
    return sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", top))


@pytest.mark.fault(49)
async def test_what_a_pass_reads_is_bounded(migrated_postgresql: str) -> None:
    async with _without_vacuum(migrated_postgresql) as connection:
        for statement, arguments in (
            (sweep.SWEEP, "500, {back}, false, '{{}}', '{{}}'"),
            (outbox.LEASE_OUTBOX, "500, interval '15 seconds', {back}"),
        ):
            everything = await _pages(connection, statement, arguments.format(back="NULL"))
            recent = await _pages(connection, statement, arguments.format(back=f"interval '{BACK.seconds} seconds'"))
            assert everything > 1_000, "the dead rows are there"
            assert recent < 100
