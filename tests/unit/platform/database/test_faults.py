"""Which error means that the database cannot serve."""

import sqlite3

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from angarium.platform.database.faults import (
    DatabaseUnavailable,
    SchemaOutdated,
    describe,
    ends_session,
    got_no_lock,
    in_words,
    is_deadlock,
    is_refusal,
    is_unavailable,
    unavailable,
)


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as it says")
    error.sqlite_errorcode = code
    return error


def _wrapped(original: BaseException) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, original)


class _MySQLError(Exception):
    sqlstate = "HY000"  # of nearly everything


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
        _MySQLError(1290, "running with the --read-only option"),
        _MySQLError(1305, "SAVEPOINT sa_savepoint_1 does not exist"),
        _MySQLError(1836, "Running in read-only mode"),
        _MySQLError(1969, "Query execution was interrupted (max_statement_time exceeded)"),
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
        asyncpg.UndefinedFunctionError(),
        asyncpg.DataCorruptedError(),  # the same again fails again
        asyncpg.IndexCorruptedError(),
        asyncpg.DataError("invalid input for query argument $1"),
        asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"),
        _sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE),
        _sqlite(sqlite3.SQLITE_ERROR),
        sqlite3.ProgrammingError("Incorrect number of bindings"),
        _MySQLError(1062, "Duplicate entry"),
        _MySQLError(1305, "FUNCTION x does not exist"),
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


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.AdminShutdownError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.InvalidSQLStatementNameError(),
        asyncpg.DuplicatePreparedStatementError(),
        asyncpg.InternalServerError(),
    ],
    ids=repr,
)
def test_what_ends_a_session(error: Exception) -> None:
    assert ends_session(error)
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.LockNotAvailableError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.QueryCanceledError(),
        asyncpg.UniqueViolationError(),
        asyncpg.StringDataRightTruncationError(),
        ValueError(),
    ],
    ids=repr,
)
def test_what_leaves_a_session_as_good_as_before(error: Exception) -> None:
    assert not ends_session(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncpg.ReadOnlySQLTransactionError("no"), "the server is read-only"),
        (asyncpg.InvalidPasswordError('password of "ada"'), "access is refused"),
        (_sqlite(sqlite3.SQLITE_FULL), "the disk is full"),
        (_wrapped(_sqlite(sqlite3.SQLITE_FULL)), "the disk is full"),
        (ConnectionRefusedError("10.0.0.7"), "it does not answer"),
    ],
    ids=repr,
)
def test_words_for_anyone_name_no_address_and_no_account(error: Exception, words: str) -> None:
    assert in_words(error) == words


def test_a_log_gets_the_code_and_the_drivers_first_line() -> None:
    error = _wrapped(asyncpg.DiskFullError("could not extend file\nHINT: check free space"))
    assert describe(error) == "53100 could not extend file"
    assert "SELECT" not in describe(error)


@pytest.mark.parametrize(
    ("code", "ends", "deadlock", "refusal", "words"),
    [
        (1205, False, False, True, "the server does not serve"),
        (1213, False, True, True, "the server does not serve"),
        (1290, True, False, True, "the server is read-only"),
        (1040, True, False, True, "the server has no connection left"),
        (1062, False, False, True, "the server does not serve"),
        (2013, True, False, False, "it does not answer"),
    ],
)
def test_what_mariadb_answers(*, code: int, ends: bool, deadlock: bool, refusal: bool, words: str) -> None:
    error = _MySQLError(code, "…")
    assert ends_session(error) == ends
    assert is_deadlock(error) == deadlock
    assert is_refusal(error) == refusal
    assert got_no_lock(error) == (code in {1205, 1213})
    assert in_words(error) == words


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UndefinedTableError('relation "outbox" does not exist'),
        asyncpg.UndefinedColumnError('column "due_at" does not exist'),
        sqlite3.OperationalError("no such table: outbox"),
        sqlite3.OperationalError("no such column: due_at"),
        sqlite3.OperationalError("table outbox has no column named due_at"),
        _MySQLError(1146, "Table 'n.outbox' doesn't exist"),
        _MySQLError(1054, "Unknown column 'due_at' in 'SELECT'"),
    ],
    ids=str,
)
def test_a_database_that_is_not_migrated_is_unavailable_and_the_log_says_what_to_do(error: Exception) -> None:
    for raised in (error, _wrapped(error)):
        assert is_unavailable(raised)
        assert isinstance(unavailable(raised), SchemaOutdated)
        assert "angarium migrate" in in_words(raised)
    assert not ends_session(error)
    assert SchemaOutdated.advice == "run `angarium migrate`"


def test_other_errors_need_no_migration() -> None:
    assert type(unavailable(ConnectionRefusedError())) is DatabaseUnavailable
