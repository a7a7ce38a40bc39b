"""Every error that Angarium raises deliberately, with its HTTP status and code.

    AngariumError
    ├── Rejected              the request is refused; becomes an error envelope
    │   ├── ValidationFailed      400 validation_error
    │   ├── Unauthorized          401 unauthorized
    │   ├── Forbidden             403 forbidden
    │   ├── NotFound              404 not_found
    │   │   ├── UserNotFound          404 user_not_found
    │   │   └── TemplateNotFound      404 template_not_found
    │   ├── MethodNotAllowed      405 method_not_allowed
    │   ├── Conflict              409 conflict
    │   │   └── IdempotencyConflict   409 idempotency_conflict
    │   ├── PreconditionFailed    412 precondition_failed
    │   ├── PayloadTooLarge       413 payload_too_large
    │   ├── UnsupportedMediaType  415 unsupported_media_type
    │   ├── RateLimited           429 rate_limited
    │   └── ServiceUnavailable    503 service_unavailable
    ├── Transient             a dependency did not answer; trying again may help
    └── SettingsError         a setting is wrong; the process ends with exit code 2

A rejection's docstring is its default message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Detail:
    """One error in a request: the field's path (`variables.name`) and the reason.

    `line` and `column` count from 1 and are set for errors in a template's source.
    """

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class AngariumError(Exception):
    """Something went wrong in Angarium."""


class Rejected(AngariumError):
    """Request refused"""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500

    def __init__(
        self, message: str | None = None, *, details: Sequence[Detail] = (), retry_after: int | None = None
    ) -> None:
        self.message = message or cleandoc(type(self).__doc__ or "")
        self.details = tuple(details)
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = {}
        super().__init__(self.message)


class ValidationFailed(Rejected):
    """Validation failed"""

    code = "validation_error"
    http_status = 400

    @classmethod
    def of(cls, field: str, message: str) -> "ValidationFailed":
        """The common case: one field, one reason."""
        return cls(details=(Detail(field, message),))


class Unauthorized(Rejected):
    """A valid API key or bearer token is required"""

    code = "unauthorized"
    http_status = 401


class Forbidden(Rejected):
    """The caller lacks the scope for this"""

    code = "forbidden"
    http_status = 403


class NotFound(Rejected):
    """Not found"""

    code = "not_found"
    http_status = 404


class UserNotFound(NotFound):
    """User not found"""

    code = "user_not_found"


class TemplateNotFound(NotFound):
    """Template not found"""

    code = "template_not_found"


class MethodNotAllowed(Rejected):
    """Method not allowed"""

    code = "method_not_allowed"
    http_status = 405


class Conflict(Rejected):
    """Conflict with the current state"""

    code = "conflict"
    http_status = 409


class IdempotencyConflict(Conflict):
    """This request_id was used before with another body"""

    code = "idempotency_conflict"


class PreconditionFailed(Rejected):
    """The resource was changed since it was read"""

    code = "precondition_failed"
    http_status = 412


class PayloadTooLarge(Rejected):
    """The body is too large"""

    code = "payload_too_large"
    http_status = 413


class UnsupportedMediaType(Rejected):
    """The body must be application/json"""

    code = "unsupported_media_type"
    http_status = 415


class RateLimited(Rejected):
    """Too many requests"""

    code = "rate_limited"
    http_status = 429

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Sequence[Detail] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, details=details, retry_after=retry_after)
        self.headers = dict(headers or {})


class ServiceUnavailable(Rejected):
    """A dependency does not answer; try again"""

    code = "service_unavailable"
    http_status = 503

    def __init__(
        self, message: str | None = None, *, details: Sequence[Detail] = (), retry_after: int | None = 5
    ) -> None:
        super().__init__(message, details=details, retry_after=retry_after)


class Transient(AngariumError):
    """A dependency did not answer; trying again may help"""

    advice: ClassVar[str | None] = None
    """What an operator can do about it, for logs."""


class SettingsError(AngariumError):
    """A setting is missing or wrong; the message is one line that names it"""
