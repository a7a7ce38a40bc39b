"""SQLAlchemy engines, one per database of a process, which behave the same on each database system.

Every wait has a timeout: connecting, the pool, locks, statements.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from angarium.contracts.errors import SettingsError
from angarium.platform.database.faults import DatabaseUnavailable, ends_session, is_unavailable, unavailable
from angarium.platform.database.limits import (
    ANSWER_TIMEOUT,
    LIFETIME,
    LOCK_TIMEOUT,
    MIGRATION_LOCK_TIMEOUT,
    POOL_TIMEOUT,
    STATEMENT_TIMEOUT,
)
from angarium.platform.database.mysql_address import connect_arguments, session_command
from angarium.platform.database.mysql_tables import storing_ids_as_text
from angarium.platform.database.postgresql_address import first_host, parse_postgresql_address
from angarium.platform.database.postgresql_connector import CONNECT_TIMEOUT, Connector
from angarium.platform.database.postgresql_dialect import DRIVER, ConnectorDialect, register
from angarium.platform.database.sqlite_connections import (
    BEGIN_OPTION,
    EMPTY_LOG,
    begin_sqlite,
    connect_sqlite,
    prepare_sqlite,
)
from angarium.platform.database.sqlite_turns import Turns
from angarium.platform.extras import missing_package
from angarium.platform.folders import prepare_folder

_DRIVERS = {
    "postgresql": DRIVER,
    "postgres": DRIVER,
    "sqlite": "sqlite+aiosqlite",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
}
_SAME = {"postgres": "postgresql", "mariadb": "mysql"}
"""Aliases of database systems."""
_ARGUMENTS = "angarium_arguments"
"""The engine option with the driver's connect arguments."""
_WITHOUT_TRANSACTION: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
    "sqlite": {BEGIN_OPTION: ""},
    "mysql": {},  # a session begins a transaction by itself, without a statement
}
"""Connection options for a single query."""


def parse_database_url(url: str, *, setting: str = "ANGARIUM_DATABASE_URL") -> URL:
    """Parse `url`, which names no driver. Raises SettingsError, which names `setting` and no password.

    For PostgreSQL with several hosts the result has the first only; `parse_postgresql_address` returns all.
    """
    try:
        parsed = make_url(first_host(url))
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"{setting}: is not a database URL") from error
    technology = parsed.drivername.partition("+")[0]
    if technology not in _DRIVERS:
        raise SettingsError(f"{setting}: must begin with postgresql://, sqlite:/// or mysql://")
    if not parsed.database or parsed.database == ":memory:":
        raise SettingsError(f"{setting}: must name a database (a file, for sqlite)")
    return parsed.set(drivername=_SAME.get(technology, technology))


def postgresql_server_settings() -> dict[str, str]:
    """Settings of every PostgreSQL session: timeouts in milliseconds, keepalives."""
    return {
        "statement_timeout": str(int(STATEMENT_TIMEOUT * 1000)),
        "lock_timeout": str(int(LOCK_TIMEOUT * 1000)),
        "idle_in_transaction_session_timeout": str(int(STATEMENT_TIMEOUT * 1000)),
        "tcp_keepalives_idle": "60",  # firewalls forget connections that are silent for some minutes
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "jit": "off",  # our statements are short; compiling them costs more than it gives
    }


def mysql_arguments(url: URL, setting: str, *, patience: float = ANSWER_TIMEOUT) -> dict[str, Any]:
    """Arguments of asyncmy for MariaDB or MySQL, with timeouts for every statement. Raises SettingsError."""
    return connect_arguments(
        url,
        setting=setting,
        statement_timeout=STATEMENT_TIMEOUT,
        lock_timeout=LOCK_TIMEOUT,
        connect_timeout=CONNECT_TIMEOUT,
        patience=patience,
    )


def open_engine(url: str, *, pool_size: int = 10, setting: str = "ANGARIUM_DATABASE_URL") -> AsyncEngine:
    """Create an engine for `postgresql://…`, `sqlite:///path` or `mysql://…`; the driver is chosen here.

    Connects at first use. `setting` is the name used in a SettingsError. The caller disposes of the engine.
    On SQLite a transaction takes the write lock when it begins; use `reading` for read-only ones.
    """
    parsed = parse_database_url(url, setting=setting)
    technology = parsed.drivername
    if technology == "sqlite":
        prepare_folder(Path(str(parsed.database)).parent, setting=setting)
        return _open_sqlite(parsed, pool_size)
    server = parsed.set(drivername=_DRIVERS[technology])
    if technology == "mysql":
        return storing_ids_as_text(
            _open_server(server.set(query={}), pool_size, setting, mysql_arguments(parsed, setting))
        )
    address = parse_postgresql_address(url, setting=setting)
    register()
    engine = _open_server(server, pool_size, setting, {})
    return _connected_by(engine, Connector(address, postgresql_server_settings(), ANSWER_TIMEOUT))


def migration_engine(engine: AsyncEngine) -> AsyncEngine:
    """Create an engine to the same server for schema changes: without a statement timeout.

    Its lock timeout is MIGRATION_LOCK_TIMEOUT, because later statements queue behind a waiting lock. The caller
    disposes of it.
    """
    if engine.dialect.name == "mysql":
        unlimited = session_command(statement_timeout=0, lock_timeout=MIGRATION_LOCK_TIMEOUT)
        arguments = engine.get_execution_options()[_ARGUMENTS] | {"init_command": unlimited, "read_timeout": None}
        return storing_ids_as_text(
            create_async_engine(engine.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
        )
    limits = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    limits["lock_timeout"] = str(int(MIGRATION_LOCK_TIMEOUT * 1000))
    migrating = create_async_engine(engine.url, poolclass=NullPool, hide_parameters=True)
    return _connected_by(migrating, _dialect(engine).connector.altered(limits, patience=None))


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for a read-only transaction on one snapshot; takes no lock.

    Raises DatabaseUnavailable when the database cannot serve.
    """
    with _translated():
        async with engine.connect() as connection:
            yield await connection.execution_options(**{BEGIN_OPTION: "BEGIN"})


@asynccontextmanager
async def querying(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for a single read-only query, without BEGIN and ROLLBACK, which would cost as much as the query.

    Raises DatabaseUnavailable when the database cannot serve.
    """
    with _translated():
        async with engine.connect() as connection:
            yield await connection.execution_options(**_WITHOUT_TRANSACTION[engine.dialect.name])


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which the caller begins and commits transactions itself. Raises DatabaseUnavailable."""
    with _translated():
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed at the end of the block and rolled back on an exception.

    Raises DatabaseUnavailable when the database cannot serve; then the commit may or may not have happened.
    """
    with _translated():
        async with engine.begin() as connection:
            yield connection


async def empty_log(engine: AsyncEngine) -> None:
    """Checkpoint and truncate SQLite's write-ahead log, so that it keeps no erased data.

    Active readers defer it to the next call. Does nothing on other databases. Raises DatabaseUnavailable.
    """
    if engine.dialect.name == "sqlite":
        async with querying(engine) as connection:
            await connection.exec_driver_sql(EMPTY_LOG)


class _translated:  # noqa: N801 - used as a statement, like contextlib.suppress
    """Translates a driver's errors of an unavailable server into DatabaseUnavailable; other errors pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and is_unavailable(error) and not isinstance(error, DatabaseUnavailable):
            raise unavailable(error) from error


def _open_server(url: URL, pool_size: int, setting: str, arguments: dict[str, Any]) -> AsyncEngine:
    try:
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT,
            pool_pre_ping=True,
            pool_recycle=int(LIFETIME),
            connect_args=arguments,
            execution_options={_ARGUMENTS: arguments},
            hide_parameters=True,  # parameters contain names and addresses, and errors are logged
        )
    except ModuleNotFoundError as error:
        raise missing_package(error.name or url.drivername, setting=setting) from None
    event.listen(engine.sync_engine, "handle_error", _drop_ended_session)
    return engine


def _drop_ended_session(context: ExceptionContext) -> None:
    """Make SQLAlchemy invalidate the connection and the pool's idle ones when the session must not be used again.

    SQLAlchemy itself recognises lost connections.
    """
    if ends_session(context.original_exception):
        context.is_disconnect = True


def _connected_by(engine: AsyncEngine, connector: Connector) -> AsyncEngine:
    _dialect(engine).connector = connector
    return engine


def _dialect(engine: AsyncEngine) -> ConnectorDialect:
    """For engines of PostgreSQL only: DRIVER belongs to it."""
    return cast("ConnectorDialect", engine.dialect)


def _open_sqlite(url: URL, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername=_DRIVERS["sqlite"]),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        hide_parameters=True,
        async_creator=partial(connect_sqlite, str(url.database)),
    )
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", partial(begin_sqlite, Turns(Path(str(url.database)))))
    return engine
