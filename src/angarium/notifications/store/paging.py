"""Pages of a list ordered newest first: by number, or by cursor, which costs the same at any depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import KeyedColumnElement

from angarium.platform.cursor import decode_cursor, encode_cursor
from angarium.platform.database.counting import count_up_to
from angarium.platform.database.types import UtcDateTime, from_microseconds, to_microseconds

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Found(Generic[RowT]):
    """One page. `total` as for `Meta.of_page`; `next_cursor` is None on the last page."""

    rows: Sequence[RowT]
    total: int | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of a row in its list."""

    at: datetime
    id: UUID

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the result of `str()`. Raises ValidationFailed."""
        return decode_cursor(text, cls._read)

    @classmethod
    def _read(cls, place: bytes) -> Self:
        at, identifier = place.decode("ascii").split(".")
        return cls(from_microseconds(int(at)), UUID(hex=identifier))

    def __str__(self) -> str:
        return encode_cursor(f"{to_microseconds(self.at)}.{self.id.hex}".encode("ascii"))


@dataclass(frozen=True, slots=True)
class Paging:
    """The requested page: after `cursor`, or without one number `page` (from 1)."""

    limit: int
    page: int = 1
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list's order: its time and its id."""

    at: KeyedColumnElement[datetime]
    id: KeyedColumnElement[UUID]

    async def page(
        self,
        connection: AsyncConnection,
        query: Select[Any],
        paging: Paging,
        counted: Select[Any] | None = None,
        total: int | None = None,
    ) -> tuple[Sequence[Any], int | None, str | None]:
        """The page's rows, total and next cursor of `query`, which has conditions but no order.

        `counted` is a cheaper query with the same number of rows; with a known `total` nothing is counted. After a
        cursor nothing is counted either, and the total is None.
        """
        if paging.cursor is not None:
            total = None
        elif total is None:
            total = await count_up_to(connection, query if counted is None else counted)
        ordered = query.order_by(self.at.desc(), self.id.desc()).limit(paging.limit + 1)
        if paging.cursor is None:
            ordered = ordered.offset((paging.page - 1) * paging.limit)
        else:
            ordered = ordered.where(self.after(Cursor.parse(paging.cursor)))
        rows: Sequence[Any] = (await connection.execute(ordered)).mappings().all()
        page = rows[: paging.limit]
        return page, total, self.cursor_of(page[-1]) if len(rows) > paging.limit else None

    def after(self, cursor: Cursor) -> ColumnElement[bool]:
        """The condition for rows after that position."""
        place = tuple_(literal(cursor.at, UtcDateTime()), literal(cursor.id, self.id.type))
        # MariaDB seeks by a column, not by a pair.
        return and_(self.at <= cursor.at, tuple_(self.at, self.id) < place)

    def cursor_of(self, row: Any) -> str:
        """The cursor of a row's position."""
        return str(Cursor(row[self.at.key], row[self.id.key]))
