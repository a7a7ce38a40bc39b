"""Bounded row counts for the `meta.total` of lists."""

from typing import Any

from sqlalchemy import Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.contracts.envelope import TOTAL_LIMIT


async def count_up_to(connection: AsyncConnection, query: Select[Any], limit: int = TOTAL_LIMIT) -> int:
    """Count the rows of `query`, up to `limit` + 1, where reading stops. Its order, limit and offset are ignored.

    `query` must not be grouped. Raises DatabaseUnavailable when the database cannot serve.
    """
    few = query.with_only_columns(literal(1).label("one"), maintain_column_froms=True).order_by(None)
    counted = select(func.count()).select_from(few.limit(limit + 1).offset(None).subquery())
    return int(await connection.scalar(counted) or 0)
