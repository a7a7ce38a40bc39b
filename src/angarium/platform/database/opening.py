"""Opens a database for the lifetime of a process."""

from contextlib import AsyncExitStack

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import open_engine


def open_database(url: str, stack: AsyncExitStack, *, pool_size: int, setting: str) -> AsyncEngine:
    """Open an engine for `url` (`open_engine`), disposed of with `stack`. Raises SettingsError, naming `setting`."""
    engine = open_engine(url, pool_size=pool_size, setting=setting)
    stack.push_async_callback(engine.dispose)
    return engine
