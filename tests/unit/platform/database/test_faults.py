"""Which error means that the database cannot serve."""

import sqlite3

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from angarium.platform.database.faults import DatabaseUnavailable, is_unavailable


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as it says")
    error.sqlite_errorcode = code
    return error


def _wrapped(original: BaseException) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, original)


class _MySQLError(Exception):
    pass


_MySQLError.__module__ = "asyncmy.errors"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        PoolTimeout(),
        DatabaseUnavailable(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.QueryCanceledError(),
        asyncpg.LockNotAvailableError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.DiskFullError(),
        asyncpg.InvalidCatalogNameError(),
        asyncpg.InvalidPasswordError(),
        asyncpg.InterfaceError("cannot perform operation: connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        _sqlite(sqlite3.SQLITE_BUSY),
        _sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
        _sqlite(sqlite3.SQLITE_FULL),
        _sqlite(sqlite3.SQLITE_READONLY),
        _sqlite(sqlite3.SQLITE_IOERR_FSYNC),
        _MySQLError(2013, "Lost connection to MySQL server during query"),
        _MySQLError(1213, "Deadlock found"),
    ],
    ids=repr,
)
def test_away(error: Exception) -> None:
    assert is_unavailable(error)
    assert is_unavailable(_wrapped(error))
    chained = RuntimeError()
    chained.__cause__ = error
    assert is_unavailable(chained)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError(),
        asyncpg.UndefinedTableError(),
        asyncpg.DataError("invalid input for query argument $1"),
        asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"),
        _sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE),
        _sqlite(sqlite3.SQLITE_ERROR),
        sqlite3.ProgrammingError("Incorrect number of bindings"),
        _MySQLError(1062, "Duplicate entry"),
        ValueError("connection"),
        RuntimeError(),
    ],
    ids=repr,
)
def test_not_away(error: Exception) -> None:
    assert not is_unavailable(error)
    assert not is_unavailable(_wrapped(error))


def test_a_connection_that_was_invalidated_is_away() -> None:
    assert is_unavailable(IntegrityError("SELECT 1", {}, RuntimeError(), connection_invalidated=True))


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = RuntimeError(), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    assert not is_unavailable(first)
