"""Which error of a driver means that the database cannot serve now, whatever was asked of it."""

import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from angarium.contracts.errors import Transient


class DatabaseUnavailable(Transient):
    """The database does not answer"""


_STATE_CLASSES = frozenset({"08", "28", "3D", "53", "57", "58", "XX"})
"""Connection, authorization, database missing, resources, operator intervention, system, internal.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""
_STATES = frozenset(
    {
        "25006",  # the transaction is read-only
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock not available
        "26000",  # a prepared statement is unknown: a pooler between us and the server changed the session
        "42P05",  # …or has one of that name already
    }
)
_DAMAGED = frozenset({"XX001", "XX002"})
"""Data or an index is corrupted: the same statement fails again, and others may succeed."""
_GOOD_SESSION_STATES = frozenset({"40001", "40P01", "55P03", "57014"})
"""Refusals of one statement (57014: its time was over); the session is as good as before."""
_WORDS = {
    "25006": "the server is read-only",
    "26000": "the session changed under a prepared statement; use a pooler in session mode",
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
_MYSQL_LOCKED = frozenset(
    {
        1020,  # the row changed since it was read
        1205,  # lock wait timeout
        1213,  # deadlock
    }
)
_MYSQL_GOOD_SESSION = _MYSQL_LOCKED | {
    1317,  # the statement was ended by an operator
    1412,  # the table's definition changed
    1969,  # the statement's time was over (MariaDB)
    3024,  # …(MySQL)
}
"""Refusals of one statement or transaction; the session is as good as before."""
_MYSQL_WORDS = {
    1021: "the disk is full",
    1040: "the server has no connection left",
    1044: "access is refused",
    1045: "access is refused",
    1049: "the database does not exist",
    1053: "the server is starting or stopping",
    1114: "the disk is full",
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
"""A function, a procedure or a savepoint that does not exist."""
_MYSQL_CLIENT_CODES = range(2000, 3000)
"""Of the client: nothing that the server said."""
_LOST_WORDS = ("connection", "pool is clos", "pool is not")
"""asyncpg's own InterfaceErrors have no code: `connection is closed`, `pool is closing`, …"""


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` says that the database cannot serve now, rather than that the statement was wrong.

    So it is for lost and refused connections, timeouts, an exhausted pool, a full disk, a read-only database,
    deadlocks and locks not got. Understands asyncpg, sqlite3 and the MySQL drivers, wrapped by SQLAlchemy or not.
    """
    return any(_speaks_of_absence(link) for link in _chain(error))


def ends_session(error: BaseException) -> bool:
    """Whether the server's answer `error` means that its connection must be dropped, not used again.

    So it is when the server ended the session or is no longer the writer: after a fail-over the old server may go on
    answering, read-only, for as long as it is asked.
    """
    state = _sqlstate(error)
    if state is not None:
        return state not in _GOOD_SESSION_STATES and is_unavailable(error)
    code = _mysql_code(error)
    return code in _MYSQL_CODES and code not in _MYSQL_GOOD_SESSION


def got_no_lock(error: BaseException) -> bool:
    """Whether the server refused because others held a lock for too long: the same may succeed a moment later."""
    return any(_sqlstate(link) in {"40P01", "55P03"} or _mysql_code(link) in _MYSQL_LOCKED for link in _chain(error))


def is_deadlock(error: BaseException) -> bool:
    """Whether MariaDB or MySQL rolled the transaction back, so that it should be begun again at once."""
    return any(_mysql_code(link) in {1020, 1213} or _lost_its_savepoint(link) for link in _chain(error))


def _lost_its_savepoint(error: BaseException) -> bool:
    """What is said last of a deadlock within a savepoint: it went with the whole transaction."""
    return _mysql_code(error) == _MYSQL_UNKNOWN and "SAVEPOINT" in str(error)


def is_refusal(error: BaseException) -> bool:
    """Whether `error` is what MariaDB or MySQL answered to a statement, rather than a connection that was lost."""
    code = _mysql_code(error)
    return code is not None and code > 0 and code not in _MYSQL_CLIENT_CODES


def describe(error: BaseException) -> str:
    """What the driver says, on one line, for logs: code and first line, without the statement and its values."""
    cause = next((link for link in _chain(error) if not isinstance(link, DBAPIError)), error)
    first = next(iter(str(cause).splitlines()), "")
    return " ".join(part for part in (_sqlstate(cause) or type(cause).__name__, first) if part)


def in_words(error: BaseException) -> str:
    """Why the database cannot serve, for an answer that anyone may read: no address, no name."""
    for link in _chain(error):
        state = _sqlstate(link)
        if state is not None:
            return _WORDS.get(state) or _WORDS.get(state[:2]) or "the server does not serve"
        number = _mysql_code(link)
        if number is not None and number not in _MYSQL_CLIENT_CODES:
            return _MYSQL_WORDS.get(number, "the server does not serve")
        if isinstance(link, sqlite3.Error):
            code = (getattr(link, "sqlite_errorcode", None) or 0) & 0xFF
            return _SQLITE_WORDS.get(code, "the file cannot be used")
    return "it does not answer"


def _sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code. MariaDB and MySQL give one too, which is the same for most of what they refuse."""
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
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_CODES
    state = _sqlstate(error)
    if state is not None:
        return state not in _DAMAGED and (state[:2] in _STATE_CLASSES or state in _STATES)
    return _mysql_code(error) in _MYSQL_CODES or _lost_its_savepoint(error) or _lost_by_asyncpg(error)


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
    """Whether asyncpg lost track of its protocol: used in the moment in which the server ended the connection.

    That connection is of no more use; https://github.com/MagicStack/asyncpg/issues/1069
    """
    return type(error).__name__ == "InternalClientError"
