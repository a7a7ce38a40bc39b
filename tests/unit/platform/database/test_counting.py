"""A count that ends where `meta.total` does, and values of JSON kept as text."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, Table, Text, insert, select, text
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.counting import count_up_to
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.json_text import json_text
from angarium.platform.database.types import new_metadata

metadata = new_metadata()
things = Table("things", metadata, Column("id", Integer(), primary_key=True), Column("source", Text()))
ROWS = 500


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite:///{tmp_path / 'things.db'}"
    if request.param == "postgresql":
        url = await request.getfixturevalue("postgresql").create_database()
    opened = open_engine(url)
    await _fill(opened)
    yield opened
    await opened.dispose()


async def _fill(engine: AsyncEngine) -> None:
    source = json.dumps(
        {"name": "Ann", "note": "\x00", "text": r"\u0000", "empty": None, "deep": {"kind": "inner"}, "kind": "outer"}
    )
    async with writing(engine) as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(things), [{"id": number, "source": source} for number in range(1, ROWS + 1)])


@pytest.mark.parametrize(("limit", "counted"), [(ROWS + 1, ROWS), (ROWS, ROWS), (ROWS - 1, ROWS), (100, 101), (0, 1)])
async def test_a_count_ends_one_above_its_limit(engine: AsyncEngine, limit: int, counted: int) -> None:
    page = select(things).order_by(things.c.id.desc()).limit(10).offset(490)
    async with reading(engine) as connection:
        assert await count_up_to(connection, page, limit) == counted
        assert await count_up_to(connection, page.where(things.c.id > ROWS), limit) == 0


@pytest.mark.distributed
async def test_no_more_rows_are_read_than_are_counted(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    await _fill(engine)
    statements: list[str] = []
    listen(engine.sync_engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
    async with reading(engine) as connection:
        assert await count_up_to(connection, select(things), 100) == 101
        count = re.sub(r"\$\d::INTEGER", "101", statements[-1])
        plan = await connection.scalar(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {count}"))
    await engine.dispose()
    nodes = [plan[0]["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    assert [int(node["Actual Rows"]) for node in nodes if "Relation Name" in node] == [101]


async def test_a_value_of_json_text_is_the_one_at_the_top(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        for name, value in (("kind", "outer"), ("name", "Ann"), ("empty", None), ("absent", None)):
            found = await connection.scalar(select(json_text(things.c.source, name)).where(things.c.id == 1))
            assert found == value
    with pytest.raises(ValueError, match="identifier"):
        json_text(things.c.source, "a' OR 1=1")
