"""MariaDB: locks that are not got, deadlocks, lost connections, batches beyond a packet, and refused writes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from angarium.contracts.statuses import Status
from angarium.notifications.model import AcceptOutcome
from angarium.notifications.store.port import RowsLocked, StoreUnavailable
from angarium.notifications.store.schema import notifications
from angarium.platform.database.mysql_pool import MysqlPool, Session
from tests.conformance.store.backends import OUTBOX_LEASE, Backend, notification, result
from tests.support.servers import MariaDB

pytestmark = [pytest.mark.distributed, pytest.mark.parametrize("backend", ["mariadb"], indirect=True)]


@pytest.fixture
async def pool(backend: Backend) -> AsyncIterator[MysqlPool]:
    pool = MysqlPool(backend.url, size=2)
    yield pool
    await pool.close()


async def test_rows_that_others_hold_for_too_long_are_locked_and_nothing_is_written(backend: Backend) -> None:
    claims = [await backend.claimed() for _ in range(2)]
    sent = [result(claim, Status.SENT) for claim in claims]
    async with backend.engine.begin() as operator:
        await operator.execute(select(notifications.c.id).where(notifications.c.id == claims[0].id).with_for_update())
        with pytest.raises(RowsLocked):
            await backend.store.record(sent)
        assert await backend.store.record(sent[1:]) == [True]
    assert await backend.store.record(sent) == [True, True]


async def test_a_transaction_that_a_deadlock_ended_is_begun_again(backend: Backend, pool: MysqlPool) -> None:
    one, other = sorted([await backend.accepted(), await backend.accepted()])
    both = asyncio.Barrier(2)
    begun: list[int] = []

    async def change(number: int, first: str, second: str) -> int:
        async def work(session: Session) -> int:
            begun.append(number)
            await session.run("UPDATE notifications SET locale = %s WHERE id = %s", f"l{number}", first)
            if begun.count(number) == 1:
                await both.wait()
            await session.run("UPDATE notifications SET locale = %s WHERE id = %s", f"l{number}", second)
            return number

        return await pool.transaction(work)

    done = await asyncio.gather(change(1, one.hex, other.hex), change(2, other.hex, one.hex))
    assert tuple(done) == (1, 2)
    assert len(begun) == 3
    locales = {await backend.column(identifier, "locale") for identifier in (one, other)}
    assert len(locales) == 1


async def test_what_fails_of_its_own_leaves_nothing_behind(backend: Backend, pool: MysqlPool) -> None:
    identifier = await backend.accepted()

    async def work(session: Session) -> None:
        await session.run("UPDATE notifications SET locale = 'xx' WHERE id = %s", identifier.hex)
        raise KeyError(identifier)

    with pytest.raises(KeyError):
        await pool.transaction(work)
    assert await backend.column(identifier, "locale") == "en"
    assert (await pool.run("SELECT @@in_transaction AS busy")).rows == [{"busy": 0}]


async def test_a_connection_that_the_server_ended_is_replaced(backend: Backend, mariadb: MariaDB) -> None:
    await backend.accepted()
    ids = await mariadb.sql("SELECT id FROM information_schema.processlist WHERE user = 'angarium'")
    for identifier in ids.split():
        await mariadb.sql(f"KILL {identifier}")
    assert await backend.store.outbox_pending() == 0


async def test_a_batch_larger_than_a_packet_is_accepted_whole(backend: Backend) -> None:
    large = f'{{"text":"{"x" * 250_000}"}}'
    new = [notification(variables=large) for _ in range(68)]
    answers = await backend.store.accept(new, outbox_lease=OUTBOX_LEASE)
    assert {answer.outcome for answer in answers} == {AcceptOutcome.CREATED}
    assert await backend.store.outbox_pending() == 68


async def test_a_read_only_server_is_not_ready_and_is_left_once_it_writes_again(
    backend: Backend, mariadb: MariaDB
) -> None:
    assert await backend.store.problem() is None
    await mariadb.sql("SET GLOBAL read_only = ON")
    try:
        assert await backend.store.problem() == "the server is read-only"
        with pytest.raises(StoreUnavailable):
            await backend.store.accept([notification()], outbox_lease=OUTBOX_LEASE)
    finally:
        await mariadb.sql("SET GLOBAL read_only = OFF")
    assert await backend.store.problem() is None
