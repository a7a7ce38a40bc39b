"""Shared helpers of the readers."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import reading


def given(*conditions: tuple[ColumnElement[Any], Callable[[Any, Any], Any], Any]) -> list[ColumnElement[bool]]:
    """The comparisons whose value is not None."""
    return [compare(column, value) for column, compare, value in conditions if value is not None]


async def rows_of(engine: AsyncEngine, query: Select[Any]) -> Sequence[RowMapping]:
    """All rows of `query`. Raises DatabaseUnavailable."""
    async with reading(engine) as connection:
        rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return rows
