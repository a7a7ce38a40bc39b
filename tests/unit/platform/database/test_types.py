"""Types that mean the same on every database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, Table, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.types import (
    JsonDocument,
    UtcDateTime,
    from_microseconds,
    nearest_moment,
    new_metadata,
    to_microseconds,
)

MOMENTS = [
    datetime(2026, 11, 20, 9, 30, 1, 123456, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 7, 1, 0, 0, tzinfo=timezone(timedelta(hours=-7))),
]
DOCUMENTS: list[Any] = [{"b": [1, 2.5, None, True], "a": "ü"}, [], {}, "text", 0, False, None]

metadata = new_metadata()
things = Table(
    "things",
    metadata,
    Column("id", Integer(), primary_key=True),
    Column("at", UtcDateTime()),
    Column("doc", JsonDocument()),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        opened = open_engine(f"sqlite:///{tmp_path}/types.db")
    else:
        server = request.getfixturevalue("postgresql")
        await server.start()
        opened = open_engine(await server.create_database())
    async with writing(opened) as connection:
        await connection.run_sync(metadata.create_all)
    yield opened
    await opened.dispose()


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 28)))  # noqa: DTZ001
def test_microseconds_lose_nothing(moment: datetime) -> None:
    back = from_microseconds(to_microseconds(moment))
    assert back == moment.astimezone(UTC)
    assert back.tzinfo is UTC


async def test_moments_come_back_in_utc(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(things.insert(), [{"id": n, "at": moment} for n, moment in enumerate(MOMENTS)])
        await connection.execute(things.insert(), [{"id": 99, "at": None}])
    async with reading(engine) as connection:
        rows = (await connection.execute(select(things.c.at).order_by(things.c.id))).scalars().all()
        earlier = select(things.c.id).where(things.c.at < MOMENTS[0]).order_by(things.c.id)
        assert (await connection.execute(earlier)).scalars().all() == [1, 2]
    assert rows == [*MOMENTS, None]
    assert {moment.utcoffset() for moment in rows if moment} == {timedelta(0)}


async def test_a_naive_moment_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(StatementError, match="offset"):
        async with writing(engine) as connection:
            await connection.execute(things.insert(), {"id": 1, "at": datetime(2026, 1, 1)})  # noqa: DTZ001 - the point


async def test_documents_come_back_and_none_is_null(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.execute(things.insert(), [{"id": n, "doc": doc} for n, doc in enumerate(DOCUMENTS)])
    async with reading(engine) as connection:
        rows = (await connection.execute(select(things.c.doc).order_by(things.c.id))).scalars().all()
        nulls = (await connection.execute(text("SELECT id FROM things WHERE doc IS NULL"))).scalars().all()
    assert rows == DOCUMENTS
    assert nulls == [DOCUMENTS.index(None)]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=14))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
async def test_a_moment_that_could_not_be_read_back_is_refused(engine: AsyncEngine, moment: datetime) -> None:
    with pytest.raises(StatementError, match="9999"):
        async with writing(engine) as connection:
            await connection.execute(things.insert(), {"id": 1, "at": moment})


@pytest.mark.parametrize(("value", "year"), [(2**62, 9999), (-(2**62), 1)])
async def test_a_stored_moment_beyond_the_calendar_stops_no_query(tmp_path: Path, value: int, year: int) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/types.db")
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text("INSERT INTO things (id, at) VALUES (1, :value)"), {"value": value})
        await connection.execute(things.insert(), {"id": 2, "at": MOMENTS[0]})
    async with reading(engine) as connection:
        first, second = (await connection.execute(select(things.c.at).order_by(things.c.id))).scalars()
    assert (first.year, second) == (year, MOMENTS[0])
    assert nearest_moment(value) == first
    await engine.dispose()
