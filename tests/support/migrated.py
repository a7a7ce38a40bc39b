"""Migrated databases in no time: a SQLite file is migrated once a run, then copied."""

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.migrate import upgrade

_files: dict[str, bytes] = {}
"""What a migrated file of a package looks like, by the package's name."""


async def upgraded(engine: AsyncEngine, migrations: str) -> None:
    """As `upgrade`, on a new database."""
    if engine.dialect.name != "sqlite":
        await upgrade(engine, migrations)
        return
    path = Path(str(engine.url.database))
    if migrations in _files:
        await asyncio.to_thread(path.write_bytes, _files[migrations])
        return
    await upgrade(engine, migrations)
    await engine.dispose()  # the last connection to close brings everything into the file
    _files[migrations] = await asyncio.to_thread(path.read_bytes)
