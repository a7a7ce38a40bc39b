"""How tables are declared on MariaDB and MySQL, so that a column means there what it means elsewhere.

- Text is compared byte by byte, trailing spaces too, whatever the database's own collation is.
- Text, bytes and JSON have no limit of 64 KB. JSON is kept as text: MySQL's own type sorts an object's members, and
  MariaDB has none.
- Numbers with a fraction have the precision of Python's.
- InnoDB's keys end at 3,072 bytes, four of which a character may take. The first column of a longer primary key counts
  with its first 100 characters. That leaves it unique wherever the rest of the key is.
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
"""Characters that count in a key which would be too long."""
_MARIADB_COLLATION = "utf8mb4_nopad_bin"
_MYSQL_COLLATION = "utf8mb4_0900_bin"


def register() -> None:
    """Make SQLAlchemy declare tables so; idempotent."""
    compiles(CreateTable, "mysql")(_create_table)
    compiles(PrimaryKeyConstraint, "mysql")(_primary_key)
    for kind, name in ((Text, "LONGTEXT"), (JSON, "LONGTEXT"), (mysql.JSON, "LONGTEXT"), (LargeBinary, "LONGBLOB")):
        compiles(kind, "mysql")(_named(name))
    compiles(Float, "mysql")(_named("DOUBLE"))
    compiles(Double, "mysql")(_named("DOUBLE"))


def storing_ids_as_text(engine: AsyncEngine) -> AsyncEngine:
    """`engine`, with ids as 32 hexadecimal digits on MariaDB too: the order of its own type depends on the version."""

    def connected(*_: object) -> None:
        engine.dialect.supports_native_uuid = False

    event.listen(engine.sync_engine, "connect", connected)
    return engine


def key_bytes(length: int) -> int:
    """What a text of `length` characters may take in a key."""
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
    # Without its name, which MariaDB ignores with a warning: a primary key has no other name than that.
    declared: str = (
        "PRIMARY KEY" + compiler.visit_primary_key_constraint(constraint, **options).partition("PRIMARY KEY")[2]
    )
    lengths = [column.type.length for column in constraint.columns if isinstance(column.type, String)]
    if not lengths or sum(key_bytes(length or 0) for length in lengths) <= LONGEST_KEY - key_bytes(PREFIX):
        return declared
    first = compiler.preparer.format_column(next(iter(constraint.columns)))
    return declared.replace(f"({first},", f"({first}({PREFIX}),", 1)
