"""Error answers: the same envelope from middleware and from exception handlers."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from angarium.contracts.envelope import refusal
from angarium.contracts.errors import (
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    Rejected,
    ServiceUnavailable,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from angarium.platform.telemetry.correlation import current_correlation_id

_BY_STATUS: Mapping[int, type[Rejected]] = {
    kind.http_status: kind
    for kind in (
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PreconditionFailed,
        PayloadTooLarge,
        UnsupportedMediaType,
        RateLimited,
        ServiceUnavailable,
    )
}


class JsonBytes(Response):
    """JSON that is already encoded."""

    media_type = "application/json"


def refuse(error: Rejected, headers: Mapping[str, str] | None = None) -> JsonBytes:
    """The envelope of `error`, with Retry-After where it names one, and a challenge on a 401 (RFC 9110 §11.6.1)."""
    sent = {**error.headers, **(headers or {})}
    if error.retry_after is not None:
        sent["retry-after"] = str(error.retry_after)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        sent["www-authenticate"] = "Bearer"
    body = refusal(error, current_correlation_id()).model_dump_json().encode("utf-8", "replace")
    return JsonBytes(body, status_code=error.http_status, headers=sent)


def internal_error() -> Rejected:
    """The envelope of an internal error, without details."""
    return Rejected("Internal error")


def rejection_of(error: HTTPException) -> Rejected:
    """Translate the framework's errors (no route, wrong method, unreadable body) into ours."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is not None:
        return kind()
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ValidationFailed.of("body", str(error.detail))
    return internal_error()
