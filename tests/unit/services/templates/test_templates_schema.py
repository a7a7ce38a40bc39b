"""The migrated schema is the declared one."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from angarium.platform.database.engine import open_engine, writing
from angarium.platform.database.migrate import upgrade
from angarium.services.templates.app import MIGRATIONS
from angarium.services.templates.schema import SCHEMAS
from tests.support.schemas import merged


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def test_migrated_is_fresh(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'templates.db'}"
    if kind == "postgresql":
        url = await request.getfixturevalue("postgresql").create_database()
    engine = open_engine(url)
    await upgrade(engine, MIGRATIONS)
    async with writing(engine) as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, merged(SCHEMAS)))
