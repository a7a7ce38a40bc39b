"""Table options for MariaDB and MySQL, so that columns behave as on the other databases.

- Text is compared byte by byte including trailing spaces, whatever the database's default collation.
- Text, bytes and JSON may exceed 64 KB. JSON is stored as text: MySQL's JSON type reorders members, and MariaDB has no
  JSON type.
- Floating-point numbers have double precision.
- InnoDB's keys have at most 3,072 bytes, and a character may take four. In a longer primary key the first column is
  indexed by its first 100 characters, which keeps the key unique as long as the rest of it is unique.
"""

from typing import Any

from sqlalchemy import JSON, Double, Float, LargeBinary, PrimaryKeyConstraint, String, Text, event
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

LONGEST_KEY = 3072
"""Bytes. https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html"""
PREFIX = 100
"""Indexed characters of a column whose key would be too long."""
_MARIADB_COLLATION = "utf8mb4_nopad_bin"
_MYSQL_COLLATION = "utf8mb4_0900_bin"


def register() -> None:
    """Make SQLAlchemy declare tables with these options. Idempotent."""
    compiles(CreateTable, "mysql")(_create_table)
    compiles(PrimaryKeyConstraint, "mysql")(_primary_key)
    for kind, name in ((Text, "LONGTEXT"), (JSON, "LONGTEXT"), (mysql.JSON, "LONGTEXT"), (LargeBinary, "LONGBLOB")):
        compiles(kind, "mysql")(_named(name))
    compiles(Float, "mysql")(_named("DOUBLE"))
    compiles(Double, "mysql")(_named("DOUBLE"))


def storing_ids_as_text(engine: AsyncEngine) -> AsyncEngine:
    """Store ids as 32 hex digits on MariaDB too, since the order of its UUID type depends on the version."""

    def connected(*_: object) -> None:
        engine.dialect.supports_native_uuid = False

    event.listen(engine.sync_engine, "connect", connected)
    return engine


def key_bytes(length: int) -> int:
    """Upper bound of the key bytes of a text of `length` characters."""
    return 4 * length


def _named(name: str) -> Any:
    def visit(_element: Any, _compiler: Any, **_options: Any) -> str:
        return name

    return visit


def _create_table(element: Any, compiler: Any, **options: Any) -> str:
    declared = compiler.visit_create_table(element, **options).rstrip()
    collation = _MARIADB_COLLATION if compiler.dialect.is_mariadb else _MYSQL_COLLATION
    return f"{declared} ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE={collation}\n\n"


def _primary_key(constraint: Any, compiler: Any, **options: Any) -> str:
    # Without its name, which MariaDB ignores with a warning, since primary keys have a fixed name.
    declared: str = (
        "PRIMARY KEY" + compiler.visit_primary_key_constraint(constraint, **options).partition("PRIMARY KEY")[2]
    )
    lengths = [column.type.length for column in constraint.columns if isinstance(column.type, String)]
    if not lengths or sum(key_bytes(length or 0) for length in lengths) <= LONGEST_KEY - key_bytes(PREFIX):
        return declared
    first = compiler.preparer.format_column(next(iter(constraint.columns)))
    return declared.replace(f"({first},", f"({first}({PREFIX}),", 1)
