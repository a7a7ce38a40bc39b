"""Opens the store that a database URL means."""

from pathlib import Path

from angarium.contracts.errors import SettingsError
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.postgresql.adapter import PostgresqlStore
from angarium.notifications.store.sqlite.adapter import SqliteStore
from angarium.platform.clock import Clock
from angarium.platform.database.engine import parse_database_url
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.sqlite_writer import SqliteWriter

SETTING = "NOTIFICATIONS_DATABASE_URL"


def open_store(url: str, *, pool_size: int, clock: Clock, setting: str = SETTING) -> NotificationStore:
    """The store behind `url`; connects at first use. The schema is brought there by `migrate.upgrade`.

    `clock` is the database's clock on SQLite, which has none of its own. Raises SettingsError, which names `setting`.
    """
    parsed = parse_database_url(url, setting=setting)
    if parsed.drivername == "postgresql":
        return PostgresqlStore(PostgresqlPool(url, size=pool_size, setting=setting))
    if parsed.drivername == "sqlite":
        path = Path(str(parsed.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteStore(SqliteWriter(path), clock)
    message = f"{setting} must begin with postgresql:// or sqlite:///"
    raise SettingsError(message)
