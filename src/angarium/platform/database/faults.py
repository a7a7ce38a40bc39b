"""Classification of drivers' errors: which ones mean that the database is unavailable."""

import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from angarium.contracts.errors import Transient


class DatabaseUnavailable(Transient):
    """The database does not answer"""


class SchemaOutdated(DatabaseUnavailable):
    """A table or a column is missing: the database is not migrated yet"""

    advice = "run `angarium migrate`"


_STATE_CLASSES = frozenset({"08", "28", "3D", "53", "57", "58", "XX"})
"""Connection, authorization, database missing, resources, operator intervention, system, internal.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""
_OUTDATED_STATES = frozenset({"42P01", "42703"})  # undefined table, undefined column
_STATES = _OUTDATED_STATES | frozenset(
    {
        "25006",  # the transaction is read-only
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock not available
        "26000",  # unknown prepared statement: a pooler changed the session
        "42P05",  # …or already has one with that name
    }
)
_DAMAGED = frozenset({"XX001", "XX002"})
"""Corrupted data or index: the same statement fails again, while others may succeed."""
_GOOD_SESSION_STATES = _OUTDATED_STATES | frozenset({"40001", "40P01", "55P03", "57014"})
"""Errors of one statement (57014: statement timeout), after which the session is usable."""
_MIGRATE = "a table or a column is missing; run `angarium migrate`"
_WORDS = {
    "25006": "the server is read-only",
    "26000": "the session changed under a prepared statement; use a pooler in session mode",
    "42703": _MIGRATE,
    "42P01": _MIGRATE,
    "28": "access is refused",
    "3D": "the database does not exist",
    "42P05": "the session changed under a prepared statement; use a pooler in session mode",
    "53100": "the disk is full",
    "53300": "the server has no connection left",
    "57P03": "the server is starting or stopping",
}
_SQLITE_WORDS = {
    sqlite3.SQLITE_BUSY: "the database is locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the file cannot be read or written",
    sqlite3.SQLITE_READONLY: "the file is read-only",
}
_SQLITE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_SQLITE_OUTDATED = ("no such table", "no such column", "has no column named")
"""SQLite has no code of its own for these."""
_MYSQL_OUTDATED = frozenset({1054, 1146})  # unknown column, unknown table
_MYSQL_LOCKED = frozenset(
    {
        1020,  # the row changed since it was read
        1205,  # lock wait timeout
        1213,  # deadlock
    }
)
_MYSQL_GOOD_SESSION = (
    _MYSQL_LOCKED
    | _MYSQL_OUTDATED
    | {
        1317,  # the statement was ended by an operator
        1412,  # the table's definition changed
        1969,  # statement timeout (MariaDB)
        3024,  # …(MySQL)
    }
)
"""Errors of one statement or transaction, after which the session is usable."""
_MYSQL_WORDS = {
    1021: "the disk is full",
    1040: "the server has no connection left",
    1044: "access is refused",
    1045: "access is refused",
    1049: "the database does not exist",
    1053: "the server is starting or stopping",
    1054: _MIGRATE,
    1114: "the disk is full",
    1146: _MIGRATE,
    1203: "the server has no connection left",
    1226: "the server has no connection left",
    1290: "the server is read-only",
    1698: "access is refused",
    1792: "the server is read-only",
    1836: "the server is read-only",
}
_MYSQL_CODES = (
    frozenset(_MYSQL_WORDS)
    | _MYSQL_GOOD_SESSION
    | {
        1037,  # out of memory
        1041,
        1129,  # the host is blocked after many connection errors
        1130,  # the host may not connect
        1152,  # the connection was aborted
        1158,  # the connection could not be read or written
        1159,
        1160,
        1161,
        1927,  # the connection was killed
        2002,
        2003,
        2006,
        2013,
        2014,
        2055,
        4031,  # the server ended an idle connection (MySQL)
    }
)
"""https://dev.mysql.com/doc/mysql-errors/8.4/en/ and https://mariadb.com/kb/en/mariadb-error-codes/"""
_MYSQL_UNKNOWN = 1305
""""Does not exist", for a function, a procedure or a savepoint."""
_MYSQL_CLIENT_CODES = range(2000, 3000)
"""Errors of the client library, not answers of the server."""
_LOST_WORDS = ("connection", "pool is clos", "pool is not")
"""asyncpg's InterfaceErrors have no code, only messages: `connection is closed`, `pool is closing`, …"""


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` means that the database is unavailable, rather than that the statement is wrong.

    True for lost and refused connections, timeouts, an exhausted pool, a full disk, a read-only database, deadlocks,
    lock timeouts, and a missing table or column, which a migration may add. Supports asyncpg, sqlite3 and the MySQL
    drivers, wrapped by SQLAlchemy or not.
    """
    return any(_speaks_of_absence(link) for link in _chain(error))


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """The error to raise for one that `is_unavailable`, with a description for logs."""
    outdated = any(_is_outdated(link) for link in _chain(error))
    return (SchemaOutdated if outdated else DatabaseUnavailable)(describe(error))


def ends_session(error: BaseException) -> bool:
    """Whether the server's error means that the connection must be closed.

    True if the server ended the session or is no longer the primary: after a fail-over the old server may keep
    answering, read-only.
    """
    state = _sqlstate(error)
    if state is not None:
        return state not in _GOOD_SESSION_STATES and is_unavailable(error)
    code = _mysql_code(error)
    return code in _MYSQL_CODES and code not in _MYSQL_GOOD_SESSION


def got_no_lock(error: BaseException) -> bool:
    """Whether it is a lock timeout; the same statement may succeed a moment later."""
    return any(_sqlstate(link) in {"40P01", "55P03"} or _mysql_code(link) in _MYSQL_LOCKED for link in _chain(error))


def is_deadlock(error: BaseException) -> bool:
    """Whether MariaDB or MySQL rolled the transaction back for a deadlock, so that it should be retried at once."""
    return any(_mysql_code(link) in {1020, 1213} or _lost_its_savepoint(link) for link in _chain(error))


def _lost_its_savepoint(error: BaseException) -> bool:
    """The last error of a deadlock within a savepoint, which is gone with the whole transaction."""
    return _mysql_code(error) == _MYSQL_UNKNOWN and "SAVEPOINT" in str(error)


def is_refusal(error: BaseException) -> bool:
    """Whether `error` is an error reply of MariaDB or MySQL, not a lost connection."""
    code = _mysql_code(error)
    return code is not None and code > 0 and code not in _MYSQL_CLIENT_CODES


def describe(error: BaseException) -> str:
    """The error on one line for logs: code and first line, without the statement and its values."""
    cause = next((link for link in _chain(error) if not isinstance(link, DBAPIError)), error)
    first = next(iter(str(cause).splitlines()), "")
    return " ".join(part for part in (_sqlstate(cause) or type(cause).__name__, first) if part)


def in_words(error: BaseException) -> str:
    """Why the database is unavailable, for public answers: without addresses and names."""
    for link in _chain(error):
        state = _sqlstate(link)
        if state is not None:
            return _WORDS.get(state) or _WORDS.get(state[:2]) or "the server does not serve"
        number = _mysql_code(link)
        if number is not None and number not in _MYSQL_CLIENT_CODES:
            return _MYSQL_WORDS.get(number, "the server does not serve")
        if isinstance(link, sqlite3.Error):
            if _is_outdated(link):
                return _MIGRATE
            code = (getattr(link, "sqlite_errorcode", None) or 0) & 0xFF
            return _SQLITE_WORDS.get(code, "the file cannot be used")
    return "it does not answer"


def _sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code. MariaDB and MySQL have one too, but use the same code for most errors."""
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) and _mysql_code(error) is None else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = (link.orig if isinstance(link, DBAPIError) else None) or link.__cause__


def _speaks_of_absence(error: BaseException) -> bool:
    if isinstance(error, OSError | TimeoutError | PoolTimeout | DatabaseUnavailable | EOFError):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_CODES or _is_outdated(error)
    state = _sqlstate(error)
    if state is not None:
        return state not in _DAMAGED and (state[:2] in _STATE_CLASSES or state in _STATES)
    return _mysql_code(error) in _MYSQL_CODES or _lost_its_savepoint(error) or _lost_by_asyncpg(error)


def _is_outdated(error: BaseException) -> bool:
    if (
        isinstance(error, SchemaOutdated)
        or _sqlstate(error) in _OUTDATED_STATES
        or _mysql_code(error) in _MYSQL_OUTDATED
    ):
        return True
    return isinstance(error, sqlite3.Error) and any(words in str(error) for words in _SQLITE_OUTDATED)


def _mysql_code(error: BaseException) -> int | None:
    driver = type(error).__module__.partition(".")[0]
    if driver not in {"asyncmy", "aiomysql", "pymysql"} or not error.args:
        return None
    code = error.args[0]
    return code if isinstance(code, int) else None


def _lost_by_asyncpg(error: BaseException) -> bool:
    if is_confused(error):
        return True
    return type(error).__name__ == "InterfaceError" and any(word in str(error) for word in _LOST_WORDS)


def is_confused(error: BaseException) -> bool:
    """Whether asyncpg's protocol state is broken, as happens when a connection is used while the server closes it.

    The connection must be closed: https://github.com/MagicStack/asyncpg/issues/1069
    """
    return type(error).__name__ == "InternalClientError"
