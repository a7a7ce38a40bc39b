"""Request bodies of the B2B API, in snake_case or camelCase, and its status values."""

from enum import StrEnum
from typing import Annotated, Any, Self, assert_never
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from angarium.contracts.addresses import email_address
from angarium.contracts.fields import EMAIL_FORMAT, URL_FORMAT, Body, RequestId, TemplateCode, field_error
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Status
from angarium.services.gateway.callbacks.body import for_camel_case

MOST_CHARACTERS = 200_000
_FIRST_VISIBLE = "!"


def _email(value: str) -> str:
    email_address(value)
    return value


def _web_link(value: str) -> str:
    """Refuse URLs other than http(s), in particular `javascript:`."""
    message = "must be an http or https URL"
    if any(character < _FIRST_VISIBLE for character in value):
        raise ValueError(message)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError(message) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(message)
    return value


Email = Annotated[str, StringConstraints(min_length=3, max_length=320), AfterValidator(_email), EMAIL_FORMAT]
WebLink = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_web_link), URL_FORMAT]
Line = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=998, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")]
"""One line (RFC 5322 §2.1.1), since line breaks must not get into a header."""
UserReference = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
"""Any identifier of the caller's."""
Content = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=r"^[^\x00]*$")]
CallbackUrl = Annotated[str, StringConstraints(max_length=2048), URL_FORMAT]


class EitherCase(Body):
    """A body whose fields may also be in camelCase."""

    _camel_case: bool = PrivateAttr(default=False)

    @property
    def camel_case(self) -> bool:
        """Whether any field was in camelCase."""
        return self._camel_case

    @model_validator(mode="wrap")
    @classmethod
    def _in_snake_case(cls, values: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, dict):
            return build(values)
        names = {to_camel(name): name for name in cls.model_fields}
        renamed: dict[str, Any] = {}
        for given, value in values.items():
            name = names.get(str(given), str(given))
            if name in renamed:
                raise field_error(name, "is given twice")
            renamed[name] = value
        body = build(renamed)
        body._camel_case = renamed.keys() != values.keys()  # noqa: SLF001 - its own class
        return body


class SendRequest(EitherCase):
    """`POST /api/notifications/send`: content as HTML in `message` or `html_content`, or a stored template.

    Without `template_code`, `subject` and exactly one of `message` and `html_content` are required, and there are no
    `variables`. With it, content fields are added to `variables` unless it has them. Fields may be in camelCase.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "john@example.com",
                    "subject": "Your order",
                    "message": "<p>It is on its way.</p>",
                    "user_id": "u-1",
                }
            ]
        }
    )

    email: Email
    subject: Subject | None = None
    message: Content | None = None
    html_content: Content | None = None
    text: Content | None = None
    user_id: UserReference | None = None
    template_code: TemplateCode | None = None
    variables: dict[str, Any] = Field(default_factory=dict)
    callback_url: CallbackUrl | None = None
    request_id: RequestId | None = None

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if self.template_code is not None:
            return self
        if self.subject is None:
            raise field_error("subject", "required without template_code")
        if (self.message is None) == (self.html_content is None):
            raise field_error("message", "exactly one of message or html_content is required without template_code")
        if self.variables:
            raise field_error("variables", "belong to a template_code: content is sent as it is")
        return self


class VerificationRequest(EitherCase):
    """`POST /api/notifications/send-verification`. Fields may be in camelCase."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "john@example.com",
                    "username": "john",
                    "verification_link": "https://example.com/verify?token=abc",
                }
            ]
        }
    )

    email: Email
    username: Line
    verification_link: WebLink
    user_id: UserReference | None = None
    subject: Subject | None = None
    callback_url: CallbackUrl | None = None
    request_id: RequestId | None = None


class ReferredRequest(NotificationRequest):
    """A request for a recipient who is not a stored user, with the caller's own user id.

    `_camel_case` is not part of the request's meaning: a repeated call may use the other case.
    """

    reference: str | None = None
    _camel_case: bool = PrivateAttr(default=False)

    def written_in(self, *, camel_case: bool) -> Self:
        """This request; if it was in camelCase, its callbacks also contain camelCase names."""
        self._camel_case = camel_case
        return self

    @property
    def callback_target(self) -> str | None:
        if self.callback_url is None or not self._camel_case:
            return self.callback_url
        return for_camel_case(self.callback_url)

    @property
    def owner(self) -> str | None:
        return self.reference


class Word(StrEnum):
    """A notification's status in the B2B API."""

    QUEUED = "queued"
    SENDING = "sending"
    RETRYING = "retrying"
    SENT = "sent"
    FAILED = "failed"


def word_of(status: Status) -> Word:
    """Map `status`; every final status except sent and delivered is a failure."""
    match status:
        case Status.SCHEDULED | Status.PENDING:
            return Word.QUEUED
        case Status.SENDING:
            return Word.SENDING
        case Status.RETRYING:
            return Word.RETRYING
        case Status.SENT | Status.DELIVERED:
            return Word.SENT
        case Status.FAILED | Status.SKIPPED | Status.CANCELLED | Status.EXPIRED | Status.UNKNOWN:
            return Word.FAILED
        case _:
            assert_never(status)
