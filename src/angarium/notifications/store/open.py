"""Opens the store for a database URL."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, Protocol

from angarium.contracts.crash_points import CrashPoint
from angarium.notifications.store.crashing import with_crash_point
from angarium.notifications.store.mysql.store import MysqlStore
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.postgresql.store import PostgresqlStore
from angarium.notifications.store.sqlite.store import SqliteStore
from angarium.notifications.store.triggers import events as event_trigger
from angarium.platform.clock import Clock
from angarium.platform.database.engine import parse_database_url
from angarium.platform.database.mysql_pool import MysqlPool
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.database.sqlite_writer import SqliteWriter
from angarium.platform.folders import prepare_folder
from angarium.platform.runtime import Runtime

SETTING = "ANGARIUM_NOTIFICATIONS_DATABASE_URL"


class StoreSettings(Protocol):
    """Settings of the store, for processes that work on notifications."""

    @property
    def notifications_database_url(self) -> str: ...
    @property
    def database_pool(self) -> int: ...
    @property
    def status_events(self) -> Literal["on", "off"]: ...
    @property
    def fast(self) -> bool: ...
    @property
    def crash_at(self) -> CrashPoint | None: ...


def open_notifications(settings: StoreSettings, runtime: Runtime, stack: AsyncExitStack) -> NotificationStore:
    """Open the store of `settings`, with its crash point; closed with `stack`. Raises SettingsError."""
    store = open_store(
        settings.notifications_database_url,
        pool_size=settings.database_pool,
        clock=runtime.clock,
        status_events=settings.status_events == "on",
        fast_paths=settings.fast,
    )
    stack.push_async_callback(store.close)
    return with_crash_point(store, settings.crash_at)


def open_store(
    url: str,
    *,
    pool_size: int,
    clock: Clock,
    setting: str = SETTING,
    status_events: bool = False,
    fast_paths: bool = True,
) -> NotificationStore:
    """Create the store for `url`; connects at first use. `migrate.upgrade` creates the schema.

    `clock` is the database's clock on SQLite, which has none. With `status_events` each change of status by this store
    adds an outbox message for `notifications.events`. Without `fast_paths` every batch uses the full statements. Raises
    SettingsError, naming `setting`.
    """
    parsed = parse_database_url(url, setting=setting)
    if parsed.drivername == "postgresql":
        session = {event_trigger.SESSION_SETTING: "on"} if status_events else {}
        pool = PostgresqlPool(url, size=pool_size, setting=setting, session=session)
        return PostgresqlStore(pool, fast_paths=fast_paths)
    if parsed.drivername == "mysql":
        beginning = event_trigger.MYSQL_SESSION if status_events else None
        return MysqlStore(MysqlPool(url, size=pool_size, setting=setting, beginning=beginning), fast_paths=fast_paths)
    path = Path(str(parsed.database))
    prepare_folder(path.parent, setting=setting)
    return SqliteStore(SqliteWriter(path, beginning=event_trigger.SQLITE_SESSION if status_events else ()), clock)
