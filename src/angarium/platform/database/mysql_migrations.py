"""Resumable migrations on MariaDB and MySQL, which commit each schema change separately.

An interrupted migration leaves its first changes behind. So each change is made only if it is missing, and a migration
that runs again continues where it stopped.
"""

from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects import mysql

TEXT_PREFIX = 255
"""Indexed prefix, in characters, of a text without a length."""


class Resumable(Operations):
    """As its base class, but skips changes that exist already."""

    def create_table(self, table_name: str, *columns: Any, **options: Any) -> Any:
        if sa.inspect(self.get_bind()).has_table(table_name):
            return sa.Table(table_name, sa.MetaData(), *columns)
        return super().create_table(table_name, *columns, **_always(options))

    def add_column(self, table_name: str, column: Any, **options: Any) -> None:
        if column.name not in self._columns(table_name):
            super().add_column(table_name, column, **options)

    def create_index(
        self,
        index_name: str | None,
        table_name: str,
        columns: Any,
        **options: Any,
    ) -> None:
        """Texts without a length are indexed by their first TEXT_PREFIX characters, unless `mysql_length` is given."""
        found = {index["name"] for index in sa.inspect(self.get_bind()).get_indexes(table_name)}
        if index_name in found:
            return
        types = self._columns(table_name)
        lengths = {name: TEXT_PREFIX for name in columns if isinstance(types.get(name), mysql.LONGTEXT)}
        made = {"mysql_length": lengths} | _always(options)
        super().create_index(index_name, table_name, columns, **made)

    def bulk_insert(self, table: Any, rows: Any, **options: Any) -> None:
        """Insert rows if the table is empty."""
        if self.get_bind().scalar(sa.select(sa.literal(1)).select_from(table).limit(1)) is None:
            super().bulk_insert(table, rows, **options)

    def _columns(self, table_name: str) -> dict[str, Any]:
        return {column["name"]: column["type"] for column in sa.inspect(self.get_bind()).get_columns(table_name)}


def _always(options: dict[str, Any]) -> dict[str, Any]:
    """Remove `if_not_exists`, which always applies here, and which MySQL does not support for indexes."""
    return {name: value for name, value in options.items() if name != "if_not_exists" and value is not None}
