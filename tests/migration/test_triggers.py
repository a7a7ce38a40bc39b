"""Triggers, such as the one that keeps callbacks, are the same in a migrated database and in a new one."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.schema import MIGRATIONS, metadata
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.migrate import upgrade

_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT t.tgname, pg_get_triggerdef(t.oid) || p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal""",
    "mysql": """
        SELECT trigger_name, CONCAT_WS(' ', action_timing, event_manipulation, action_statement)
        FROM information_schema.triggers WHERE trigger_schema = DATABASE()""",
}


@pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.distributed),
        pytest.param("mariadb", marks=pytest.mark.distributed),
    ],
)
async def test_migrated_is_the_same_as_new(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("migrated", "fresh")]
    if kind != "sqlite":
        server = request.getfixturevalue(kind)
        await server.start()
        urls = [await server.create_database() for _ in urls]
    async with AsyncExitStack() as stack:
        migrated, fresh = (_opened(url, stack) for url in urls)
        await upgrade(migrated, MIGRATIONS)
        async with writing(fresh) as connection:
            await connection.run_sync(metadata.create_all)
        found = await _triggers(migrated)
        assert found == await _triggers(fresh)
        assert "keep_callback" in dict(found)


def _opened(url: str, stack: AsyncExitStack) -> AsyncEngine:
    engine = open_engine(url)
    stack.push_async_callback(engine.dispose)
    return engine


async def _triggers(engine: AsyncEngine) -> list[tuple[str, str]]:
    async with reading(engine) as connection:
        rows = (await connection.execute(text(_TRIGGERS[engine.dialect.name]))).all()
    return sorted((name, " ".join(sql.split())) for name, sql in rows)
