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
_STATES = frozenset({"25006", "40001", "40P01", "55P03"})  # read-only, serialization, deadlock, lock not available
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
_MYSQL_CODES = frozenset(
    {
        1040,  # too many connections
        1044,  # access denied to the database
        1045,  # access denied
        1049,  # unknown database
        1053,  # server shutdown in progress
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1213,  # deadlock
        1290,  # read-only
        1792,  # read-only transaction
        1927,  # connection was killed
        2002,
        2003,
        2006,
        2013,
        2014,
        2055,
        3024,  # statement timeout
    }
)
"""https://dev.mysql.com/doc/mysql-errors/8.4/en/ and https://mariadb.com/kb/en/mariadb-error-codes/"""
_LOST_WORDS = ("connection", "pool is clos", "pool is not")
"""asyncpg's own InterfaceErrors have no code: `connection is closed`, `pool is closing`, …"""


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` says that the database cannot serve now, rather than that the statement was wrong.

    So it is for lost and refused connections, timeouts, an exhausted pool, a full disk, a read-only database,
    deadlocks and locks not got. Understands asyncpg, sqlite3 and the MySQL drivers, wrapped by SQLAlchemy or not.
    """
    return any(_speaks_of_absence(link) for link in _chain(error))


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
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in _STATE_CLASSES or state in _STATES
    return _mysql_code(error) in _MYSQL_CODES or _lost_by_asyncpg(error)


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
