"""Pages of short lists, whose cursors contain the number of the next page."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from angarium.contracts.envelope import Envelope, many
from angarium.contracts.errors import ValidationFailed
from angarium.platform.cursor import decode_cursor, encode_cursor
from angarium.platform.http.frame.dependencies import CURSOR, HIGHEST_PAGE, LIMIT, PAGE, PageQuery

DEFAULT_LIMIT = 10
MOST = 100
DataT = TypeVar("DataT")
_Page = Annotated[int | None, Query(ge=1, le=HIGHEST_PAGE, description=PAGE)]
_Limit = Annotated[int | None, Query(ge=1, le=MOST, description=LIMIT)]
_Cursor = Annotated[str | None, Query(max_length=512, description=CURSOR)]


def short_page_query(page: _Page = None, limit: _Limit = None, cursor: _Cursor = None) -> PageQuery:
    """The requested page. A cursor contains the page and its limit; a different `limit` is a 400."""
    if cursor is None:
        return PageQuery(page or 1, limit or DEFAULT_LIMIT)
    number, size = decode_cursor(cursor, _read)
    if limit not in (None, size):
        raise ValidationFailed.of("limit", "must be as it was on the page that gave the cursor")
    return PageQuery(number, size, cursor)


def whole_page_query(page: _Page = None, limit: _Limit = None, cursor: _Cursor = None) -> PageQuery | None:
    """As `short_page_query`; None, for the whole list, if no page is requested."""
    whole = page is None and limit is None and cursor is None
    return None if whole else short_page_query(page, limit, cursor)


ShortPage = Annotated[PageQuery, Depends(short_page_query)]
"""`page: ShortPage` in a route's signature."""
WholePage = Annotated[PageQuery | None, Depends(whole_page_query)]
"""`page: WholePage` in a route's signature: a list that is returned completely unless a page is requested."""


def short_list(data: Sequence[DataT], *, total: int, page: PageQuery) -> Envelope[list[DataT]]:
    """The envelope of the page `data` of `total` items."""
    more = page.offset + len(data) < total
    following = encode_cursor(f"{page.page + 1}.{page.limit}".encode("ascii")) if data and more else None
    counted = None if page.cursor is not None else total
    return many(data, total=counted, limit=page.limit, page=page.page, next_cursor=following)


def part_of(data: Sequence[DataT], page: PageQuery | None) -> Envelope[list[DataT]]:
    """The envelope of a page of `data`; None: of all items."""
    if page is None:
        return many(data, total=len(data), limit=max(1, len(data)), page=1)
    return short_list(data[page.offset : page.offset + page.limit], total=len(data), page=page)


def _read(place: bytes) -> tuple[int, int]:
    number, size = map(int, place.decode("ascii").split("."))
    if not (1 <= number <= HIGHEST_PAGE and 1 <= size <= MOST):
        raise ValueError(number, size)
    return number, size
