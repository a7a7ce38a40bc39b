"""Column types and metadata that behave the same on every database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, MetaData, String
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from angarium.platform.database import mysql_tables

mysql_tables.register()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

KEY = String(255).with_variant(String(255, collation="C"), "postgresql")
"""Indexed text, compared byte by byte, not by a language's sort order."""
WORD = String(16).with_variant(String(16, collation="C"), "postgresql")
"""The value of an enumeration."""


def to_microseconds(moment: datetime) -> int:
    """`moment` (aware) as microseconds since 1970 in UTC, as stored in SQLite."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The aware UTC datetime `value` microseconds after 1970. Raises OverflowError beyond year 9999."""
    return _EPOCH + timedelta(microseconds=value)


def nearest_moment(value: int) -> datetime:
    """As `from_microseconds`, clamped to the years 1 to 9999.

    For stored values: an unreadable row would fail every query that selects it.
    """
    try:
        return from_microseconds(value)
    except OverflowError:
        return _FIRST if value < 0 else _LAST


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime with microsecond precision.

    TIMESTAMPTZ on PostgreSQL; BIGINT microseconds since 1970 on SQLite, which has no type for time; DATETIME(6) in UTC
    on MySQL. Raises ValueError for a naive datetime and for one beyond the years 1 to 9999 in UTC. Stored values beyond
    them are clamped.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a moment must carry its offset"
            raise ValueError(message)
        try:
            moment = value.astimezone(UTC)
        except OverflowError:
            message = "a moment must lie within the years 1 to 9999 in UTC"
            raise ValueError(message) from None
        if dialect.name == "sqlite":
            return to_microseconds(moment)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return nearest_moment(value)
        moment: datetime = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC)


class JsonDocument(TypeDecorator[Any]):
    """A JSON value: JSONB on PostgreSQL, text elsewhere. Python's None is SQL's NULL.

    PostgreSQL cannot store NUL characters or lone surrogates; callers must reject them first.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(JSON(none_as_null=True))


def new_metadata() -> MetaData:
    """A MetaData whose constraints have names that don't depend on the database, so that migrations can name them."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
