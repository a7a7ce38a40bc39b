"""Fast migrated databases: a SQLite file is migrated once per run, then copied."""

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.migrate import upgrade

_files: dict[str, bytes] = {}
"""The contents of a migrated file, by the package of its migrations."""


async def upgraded(engine: AsyncEngine, migrations: str) -> None:
    """As `upgrade`, for a new database only."""
    if engine.dialect.name != "sqlite":
        await upgrade(engine, migrations)
        return
    path = Path(str(engine.url.database))
    if migrations in _files:
        await asyncio.to_thread(path.write_bytes, _files[migrations])
        return
    await upgrade(engine, migrations)
    await engine.dispose()  # closing the last connection writes everything to the file
    _files[migrations] = await asyncio.to_thread(path.read_bytes)
