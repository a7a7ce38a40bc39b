"""The one shape of every JSON answer."""

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

from pydantic import BaseModel

from angarium.contracts.errors import Rejected

DataT = TypeVar("DataT")


class Meta(BaseModel):
    """Where a list stands; for one thing: total 1, page 1. `next_cursor` continues a deep list."""

    total: int
    limit: int
    page: int
    total_pages: int
    has_next: bool
    has_previous: bool
    next_cursor: str | None = None

    @classmethod
    def of_page(cls, *, total: int, limit: int, page: int, next_cursor: str | None = None) -> Self:
        """The meta of page `page` (from 1) of `total` things, `limit` a page."""
        pages = max(1, -(-total // limit))
        return cls(
            total=total,
            limit=limit,
            page=page,
            total_pages=pages,
            has_next=page < pages or next_cursor is not None,
            has_previous=page > 1,
            next_cursor=next_cursor,
        )


class ErrorDetail(BaseModel):
    """One thing wrong with the request."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class ErrorBody(BaseModel):
    """What went wrong, for a program and for a person. `message` is the envelope's."""

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
    """A refusal."""

    success: bool = False
    message: str
    data: None = None
    error: ErrorBody
    meta: None = None


def one(data: DataT, message: str = "OK") -> Envelope[DataT]:
    """The envelope of one thing."""
    return Envelope(message=message, data=data, meta=Meta.of_page(total=1, limit=10, page=1))


def many(
    data: Sequence[DataT], *, total: int, limit: int, page: int, next_cursor: str | None = None, message: str = "OK"
) -> Envelope[list[DataT]]:
    """The envelope of one page of a list."""
    meta = Meta.of_page(total=total, limit=limit, page=page, next_cursor=next_cursor)
    return Envelope(message=message, data=list(data), meta=meta)


def refusal(error: Rejected, correlation_id: str | None) -> ErrorEnvelope:
    """The envelope of a rejection."""
    details = [ErrorDetail(field=d.field, message=d.message, line=d.line, column=d.column) for d in error.details]
    body = ErrorBody(code=error.code, message=error.message, details=details, correlation_id=correlation_id)
    return ErrorEnvelope(message=error.message, error=body)
