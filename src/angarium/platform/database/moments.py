"""The database's time as an SQL expression."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal, literal_column

from angarium.platform.database.types import UtcDateTime

_MICROSECOND = timedelta(microseconds=1)
_NONE = timedelta(0)


def database_moment(dialect: str, wait: timedelta = _NONE) -> ColumnElement[Any]:
    """The server's time plus `wait`, to the microsecond. On SQLite it is the process's time."""
    if dialect == "mysql":
        now = literal_column("UTC_TIMESTAMP(6)", UtcDateTime())
        return func.timestampadd(literal_column("MICROSECOND"), wait // _MICROSECOND, now, type_=UtcDateTime())
    return func.now() + literal(wait) if wait else func.now()
