"""How many rows a list has, without reading more of them than its `meta.total` can say."""

from typing import Any

from sqlalchemy import Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from angarium.contracts.envelope import TOTAL_LIMIT


async def count_up_to(connection: AsyncConnection, query: Select[Any], limit: int = TOTAL_LIMIT) -> int:
    """How many rows `query` has, at most `limit` + 1: reading ends there. Its order and its page do not matter.

    `query` must not be grouped. Raises DatabaseUnavailable when the database cannot serve.
    """
    few = query.with_only_columns(literal(1).label("one"), maintain_column_froms=True).order_by(None)
    counted = select(func.count()).select_from(few.limit(limit + 1).offset(None).subquery())
    return int(await connection.scalar(counted) or 0)
