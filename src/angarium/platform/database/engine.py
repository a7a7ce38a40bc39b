"""Engines: one for each database of a process, alike in behaviour whatever the technology.

Every wait has an end: connecting, getting a connection from the pool, a lock, a statement.
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
from angarium.platform.database.faults import DatabaseUnavailable, describe, ends_session, is_unavailable
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
"""Other names of a technology."""
_ARGUMENTS = "angarium_arguments"
"""The option of an engine that has how its driver connects."""
_WITHOUT_TRANSACTION: Mapping[str, Mapping[str, str]] = {
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
    "sqlite": {BEGIN_OPTION: ""},
    "mysql": {},  # a session begins a transaction by itself, without a statement
}
"""The options of a connection for a single query."""


def parse_database_url(url: str, *, setting: str = "ANGARIUM_DATABASE_URL") -> URL:
    """`url` without a driver, as SQLAlchemy reads it. Raises SettingsError, which names `setting` and no password.

    Of a PostgreSQL with several hosts it has the first; `parse_postgresql_address` has them all.
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
    """Time-outs of every PostgreSQL session, in milliseconds, so that no statement waits without limit."""
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
    """How asyncmy connects to MariaDB or MySQL, so that no statement waits without limit. Raises SettingsError."""
    return connect_arguments(
        url,
        setting=setting,
        statement_timeout=STATEMENT_TIMEOUT,
        lock_timeout=LOCK_TIMEOUT,
        connect_timeout=CONNECT_TIMEOUT,
        patience=patience,
    )


def open_engine(url: str, *, pool_size: int = 10, setting: str = "ANGARIUM_DATABASE_URL") -> AsyncEngine:
    """An engine for `postgresql://…`, `sqlite:///path` or `mysql://…`; the driver is chosen here.

    Connects at first use. `setting` is the name that a SettingsError blames. Dispose of the engine at the end.
    On SQLite a transaction takes the write lock when it begins; use `reading` for those that only read.
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
    """An engine to the same database server, for changes of its schema: a statement may take hours.

    It gives up a lock after MIGRATION_LOCK_TIMEOUT, as whatever comes after it waits behind it. Dispose of it.
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
    """A connection for queries that see one state of the database and change nothing; takes no lock.

    Raises DatabaseUnavailable when the database cannot serve.
    """
    with _translated():
        async with engine.connect() as connection:
            yield await connection.execution_options(**{BEGIN_OPTION: "BEGIN"})


@asynccontextmanager
async def querying(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for a single query that changes nothing: no BEGIN and ROLLBACK around it, which cost as much.

    Raises DatabaseUnavailable when the database cannot serve.
    """
    with _translated():
        async with engine.connect() as connection:
            yield await connection.execution_options(**_WITHOUT_TRANSACTION[engine.dialect.name])


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which the block begins and commits transactions itself. Raises DatabaseUnavailable."""
    with _translated():
        async with engine.connect() as connection:
            yield connection


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction, committed when the block ends well and rolled back when it raises.

    Raises DatabaseUnavailable when the database cannot serve; then the commit may or may not have happened.
    """
    with _translated():
        async with engine.begin() as connection:
            yield connection


async def empty_log(engine: AsyncEngine) -> None:
    """Take what SQLite's write-ahead log holds into the file and empty it, so that nothing erased lingers there.

    Readers at work put it off until the next call. Does nothing on other databases. Raises DatabaseUnavailable.
    """
    if engine.dialect.name == "sqlite":
        async with querying(engine) as connection:
            await connection.exec_driver_sql(EMPTY_LOG)


class _translated:  # noqa: N801 - used as a statement, like contextlib.suppress
    """Turns a driver's "cannot serve" into DatabaseUnavailable; everything else passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and is_unavailable(error) and not isinstance(error, DatabaseUnavailable):
            raise DatabaseUnavailable(describe(error)) from error


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
            hide_parameters=True,  # they are people's names and addresses, and errors are logged
        )
    except ModuleNotFoundError as error:
        raise missing_package(error.name or url.drivername, setting=setting) from None
    event.listen(engine.sync_engine, "handle_error", _drop_ended_session)
    return engine


def _drop_ended_session(context: ExceptionContext) -> None:
    """Make SQLAlchemy drop the connection, and the idle ones of the pool, when the session must not be used again.

    It recognises by itself what is no answer of the server.
    """
    if ends_session(context.original_exception):
        context.is_disconnect = True


def _connected_by(engine: AsyncEngine, connector: Connector) -> AsyncEngine:
    _dialect(engine).connector = connector
    return engine


def _dialect(engine: AsyncEngine) -> ConnectorDialect:
    """Of an engine for PostgreSQL, since DRIVER means no other."""
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
    event.listen(engine.sync_engine, "begin", begin_sqlite)
    return engine
