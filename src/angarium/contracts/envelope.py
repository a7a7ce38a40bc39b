"""The envelope of every JSON response."""

import operator
from collections.abc import Sequence
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, Field

from angarium.contracts.errors import Rejected

DataT = TypeVar("DataT")


TOTAL_LIMIT = 10_000
"""`meta.total` is exact up to this number."""


class Meta(BaseModel):
    """The position in a list; for a single object: total 1, page 1.

    `next_cursor` continues a list beyond the last page.

    `total` and `total_pages` are null for a page requested by cursor, since nothing is counted. With `total_capped`
    there are more than `total`.
    """

    total: int | None
    limit: int
    page: int
    total_pages: int | None
    has_next: bool
    has_previous: bool
    next_cursor: str | None = None
    total_capped: Annotated[bool, Field(exclude_if=operator.not_)] = False

    @classmethod
    def of_page(cls, *, total: int | None, limit: int, page: int, next_cursor: str | None = None) -> Self:
        """The meta of page `page` (from 1) of `total` items with `limit` per page.

        `total`: a value above `TOTAL_LIMIT` means at least that many; None: the page follows a cursor.
        """
        shown = None if total is None else min(total, TOTAL_LIMIT)
        pages = None if shown is None else max(1, -(-shown // limit))
        return cls(
            total=shown,
            limit=limit,
            page=page,
            total_pages=pages,
            has_next=next_cursor is not None or (pages is not None and page < pages),
            has_previous=page > 1 or total is None,
            next_cursor=next_cursor,
            total_capped=total is not None and total > TOTAL_LIMIT,
        )


class ErrorDetail(BaseModel):
    """One error in the request."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class ErrorBody(BaseModel):
    """The machine-readable error of an envelope. The human-readable text is the envelope's `message`."""

    code: str
    message: str
    details: list[ErrorDetail] = []
    correlation_id: str | None = None


class Envelope(BaseModel, Generic[DataT]):
    """A successful answer."""

    success: bool = True
    message: str = "OK"
    data: DataT
    error: None = None
    meta: Meta


class ErrorEnvelope(BaseModel):
    """An error answer."""

    success: bool = False
    message: str
    data: None = None
    error: ErrorBody
    meta: None = None


def one(data: DataT, message: str = "OK") -> Envelope[DataT]:
    """The envelope of one object."""
    return Envelope(message=message, data=data, meta=Meta.of_page(total=1, limit=10, page=1))


def many(
    data: Sequence[DataT],
    *,
    total: int | None,
    limit: int,
    page: int,
    next_cursor: str | None = None,
    message: str = "OK",
) -> Envelope[list[DataT]]:
    """The envelope of one page of a list."""
    meta = Meta.of_page(total=total, limit=limit, page=page, next_cursor=next_cursor)
    return Envelope(message=message, data=list(data), meta=meta)


def refusal(error: Rejected, correlation_id: str | None) -> ErrorEnvelope:
    """The envelope of a rejection."""
    details = [ErrorDetail(field=d.field, message=d.message, line=d.line, column=d.column) for d in error.details]
    body = ErrorBody(code=error.code, message=error.message, details=details, correlation_id=correlation_id)
    return ErrorEnvelope(message=error.message, error=body)
