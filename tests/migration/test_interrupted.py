"""A migration of MariaDB that was interrupted, where each change has committed by itself, goes on where it ended."""

import pytest
from sqlalchemy import text

from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.migrate import is_current, upgrade

pytestmark = pytest.mark.distributed
UNDONE = (
    "DROP TRIGGER tell_status",
    "DROP TABLE suppression_keys",
    "ALTER TABLE notifications DROP COLUMN redacted_at",
    "DROP INDEX ix_callbacks_origin_next_at ON callbacks",
    "DELETE FROM alembic_version",
)
"""What is not there when the process ended before it; the last is the note that it was done."""


async def test_what_is_missing_is_made_and_what_is_there_stays(mariadb_url: str) -> None:
    engine = open_engine(mariadb_url)
    await upgrade(engine, MIGRATIONS)
    async with writing(engine) as connection:
        await connection.execute(text("UPDATE tenants SET name = 'Ours'"))
    async with writing(engine) as connection:
        for statement in UNDONE:
            await connection.execute(text(statement))
    assert not await is_current(engine, MIGRATIONS)
    await upgrade(engine, MIGRATIONS)
    assert await is_current(engine, MIGRATIONS)
    async with reading(engine) as connection:
        assert list(await connection.scalars(text("SELECT name FROM tenants"))) == ["Ours"]
        triggers = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
        assert "tell_status" in set(await connection.scalars(text(triggers)))
        await connection.execute(text("SELECT redacted_at FROM notifications"))
        await connection.execute(text("SELECT secret FROM suppression_keys"))
    await engine.dispose()
