"""How tables are declared on MariaDB and MySQL."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.asyncmy import dialect as mysql_dialect
from sqlalchemy.schema import CreateTable, SchemaItem

from angarium.platform.database.mysql_tables import LONGEST_KEY, PREFIX, key_bytes
from angarium.platform.database.types import KEY, JsonDocument, UtcDateTime


def declared(*columns: SchemaItem, mariadb: bool = True) -> str:
    dialect = mysql_dialect()
    dialect.is_mariadb = mariadb
    return str(CreateTable(sa.Table("things", sa.MetaData(), *columns)).compile(dialect=dialect))


@pytest.fixture
def kinds() -> str:
    kinds: dict[str, Any] = {
        "a": sa.Text(), "b": sa.LargeBinary(), "c": sa.JSON(), "d": JsonDocument(),
        "e": UtcDateTime(), "f": sa.Uuid(), "g": sa.Float(),
    }  # fmt: skip
    return declared(*(sa.Column(name, kind) for name, kind in kinds.items()))


@pytest.mark.parametrize(
    "column",
    ["a LONGTEXT", "b LONGBLOB", "c LONGTEXT", "d LONGTEXT", "e DATETIME(6)", "f CHAR(32)", "g DOUBLE"],
)
def test_a_column_has_no_other_limits_than_elsewhere(kinds: str, column: str) -> None:
    assert column in kinds


@pytest.mark.parametrize(("mariadb", "collation"), [(True, "utf8mb4_nopad_bin"), (False, "utf8mb4_0900_bin")])
def test_text_is_compared_by_its_bytes(mariadb: bool, collation: str) -> None:
    assert declared(sa.Column("a", KEY), mariadb=mariadb).rstrip().endswith(f"CHARSET=utf8mb4 COLLATE={collation}")


def test_a_key_that_would_be_too_long_begins_with_a_prefix() -> None:
    names = ("tenant", "name", "value", "id")
    long = declared(*(sa.Column(name, KEY) for name in names), sa.PrimaryKeyConstraint(*names))
    assert f"PRIMARY KEY (tenant({PREFIX}), name, value, id)" in long
    short = declared(*(sa.Column(name, KEY) for name in names[:2]), sa.PrimaryKeyConstraint(*names[:2], name="pk"))
    assert "PRIMARY KEY (tenant, name)" in short
    assert 3 * key_bytes(255) < LONGEST_KEY < 4 * key_bytes(255)
