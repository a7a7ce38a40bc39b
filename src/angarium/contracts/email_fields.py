"""A notification's mail options: the sender's name, further recipients, header fields."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.addresses import email_address
from angarium.contracts.fields import EMAIL_FORMAT, Body, field_error
from angarium.contracts.header_text import header_line

MOST_COPIES = 20
MOST_HEADERS = 30
MOST_CHARACTERS = 900
"""Limit of a header field's value: a line of at most 998 characters also contains its name (RFC 5322 §2.1.1)."""
_NAMED = frozenset({"list-id", "in-reply-to", "references", "auto-submitted", "precedence"})
_FREE = re.compile(r"x-[!-9;-~]{1,58}", re.IGNORECASE)
_OBEYED = re.compile(
    r"x-(?:notification-id|smtpapi|msys-api|ses-.*|mailgun-.*|mailjet-.*|mj-.*|mc-.*|pm-.*|sg-.*|auth.*|original-to)",
    re.IGNORECASE,
)
"""Prefixes of fields that instruct Angarium or a provider, for example to add recipients."""


def _visible(value: str) -> str:
    if not value.strip():
        message = "must not be blank"
        raise ValueError(message)
    return header_line(value)


Address = Annotated[str, StringConstraints(min_length=1, max_length=320), AfterValidator(email_address), EMAIL_FORMAT]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(_visible)]


def header_name_fault(name: str) -> str | None:
    """Why a caller must not set the field `name`; None if it may."""
    if name.lower() in _NAMED:
        return None
    if not _FREE.fullmatch(name):
        return "is not allowed: X-…, List-Id, In-Reply-To, References, Auto-Submitted and Precedence are"
    return "is not allowed: it is an instruction to Angarium or to a provider" if _OBEYED.fullmatch(name) else None


class EmailFields(Body):
    """Mail options. `bcc` is used in the SMTP envelope only, so recipients do not see it.

    Together `cc` and `bcc` have at most 20 addresses. Suppressed ones are left out, which an event records.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_name": "Example Shop",
                    "reply_to": "orders@example.com",
                    "cc": ["accounting@example.com"],
                    "bcc": ["archive@example.com"],
                    "headers": {"X-Order": "42"},
                }
            ]
        }
    )

    from_name: Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_visible)] | None = None
    reply_to: Address | None = None
    cc: Annotated[list[Address], Field(max_length=MOST_COPIES)] = Field(default_factory=list)
    bcc: Annotated[list[Address], Field(max_length=MOST_COPIES)] = Field(default_factory=list)
    headers: Annotated[dict[str, HeaderValue], Field(max_length=MOST_HEADERS)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _few_copies(self) -> "EmailFields":
        if len(self.cc) + len(self.bcc) > MOST_COPIES:
            raise field_error("cc", f"cc and bcc have at most {MOST_COPIES} addresses together")
        return self

    @model_validator(mode="after")
    def _allowed_headers(self) -> "EmailFields":
        seen: set[str] = set()
        for name in self.headers:
            fault = "must be given once" if name.lower() in seen else header_name_fault(name)
            if fault is not None:
                raise field_error(f"headers.{name}" if name.isprintable() else "headers", fault)
            seen.add(name.lower())
        return self
