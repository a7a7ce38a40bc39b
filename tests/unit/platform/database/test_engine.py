"""Engines: the URL's rules, SQLite's pragmas and transactions, errors that mean "away"."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from angarium.contracts.errors import SettingsError
from angarium.platform.database.engine import open_engine, parse_database_url, reading, writing
from angarium.platform.database.faults import DatabaseUnavailable
from tests.support.wait import until


@pytest.mark.parametrize(
    "url", ["", "nonsense", "oracle://h/x", "postgresql://h", "sqlite://", "sqlite:///:memory:", "http://h:port/x"]
)
def test_a_bad_url_is_an_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="USERS_DATABASE_URL"):
        open_engine(url, setting="USERS_DATABASE_URL")


def test_the_error_keeps_the_password_to_itself() -> None:
    with pytest.raises(SettingsError) as error:
        parse_database_url("oracle://me:hunter2@h/x")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["postgresql://h/x", "postgres://h/x", "postgresql+asyncpg://h/x"])
def test_the_driver_is_ours_to_choose(url: str) -> None:
    assert parse_database_url(url).drivername == "postgresql"


async def test_sqlite_is_durable_strict_and_patient(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/new/folder/x.db")
    async with reading(engine) as connection:
        values = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "secure_delete",
                "journal_size_limit",
            )
        }
    await engine.dispose()
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 4000,
        "secure_delete": 1,
        "journal_size_limit": 64 * 1024 * 1024,
    }


async def test_a_cancelled_connect_leaves_no_sqlite_connection_open(tmp_path: Path) -> None:
    """From Python 3.13 on, a connection that is collected unclosed is a warning, and so an error of this test."""
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")

    async def connect() -> None:
        async with reading(engine):
            pass

    for turns in range(6):
        connecting = asyncio.create_task(connect())
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    await engine.dispose()
    gc.collect()


async def test_sqlite_transactions_that_read_first_do_not_lose_each_others_writes(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    async with writing(engine) as connection:
        await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
        await connection.exec_driver_sql("INSERT INTO t VALUES (0)")

    async def add_one() -> None:
        async with writing(engine) as connection:
            value = (await connection.exec_driver_sql("SELECT n FROM t")).scalar()
            await asyncio.sleep(0)
            await connection.exec_driver_sql("UPDATE t SET n = ?", (int(value or 0) + 1,))

    await asyncio.gather(*(add_one() for _ in range(20)))
    async with reading(engine) as connection:
        assert (await connection.exec_driver_sql("SELECT n FROM t")).scalar() == 20
    await engine.dispose()


async def test_a_reader_sees_one_state_beside_a_writer(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    async with writing(engine) as connection:
        await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    async with reading(engine) as reader:
        assert (await reader.exec_driver_sql("SELECT count(*) FROM t")).scalar() == 0
        async with writing(engine) as writer:
            await writer.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert (await reader.exec_driver_sql("SELECT count(*) FROM t")).scalar() == 0
    async with reading(engine) as reader:
        assert (await reader.exec_driver_sql("SELECT count(*) FROM t")).scalar() == 1
    await engine.dispose()


async def test_ddl_is_part_of_the_transaction(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")

    async def change_one_s_mind() -> None:
        async with writing(engine) as connection:
            await connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change_one_s_mind()
    async with reading(engine) as connection:
        assert (await connection.exec_driver_sql("SELECT name FROM sqlite_master")).all() == []
    await engine.dispose()


async def test_a_folder_in_the_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    others = set(threading.enumerate())
    engine = open_engine(f"sqlite:///{tmp_path}")
    with pytest.raises(DatabaseUnavailable):
        async with reading(engine):
            pass
    await engine.dispose()
    # aiosqlite ends the thread of a connection that failed without waiting for it; it needs this loop to end well.
    await until(lambda: not any("_connection_worker_thread" in one.name for one in {*threading.enumerate()} - others))


@pytest.mark.fault(20)
async def test_an_exhausted_pool_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.platform.database.engine.POOL_TIMEOUT", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path}/x.db", pool_size=1)
    async with reading(engine):
        with pytest.raises(DatabaseUnavailable):
            async with reading(engine):
                pass
    await engine.dispose()


async def test_a_wrong_statement_is_not_unavailable(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    async with writing(engine) as connection:
        await connection.exec_driver_sql("CREATE TABLE t (n INTEGER UNIQUE)")
        await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    with pytest.raises(IntegrityError):
        async with writing(engine) as connection:
            await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    await engine.dispose()


async def test_a_refused_connection_is_unavailable() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        async with reading(engine):
            pass
    await engine.dispose()
