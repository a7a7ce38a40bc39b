"""API keys, and how other services verify them."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.fields import Body, Timestamp, field_error
from angarium.contracts.scopes import Scope

KeyKind = Literal["live", "test"]
CallerKind = Literal["key", "token", "user", "operator"]
"""An API key (or a token made from it), a token of another issuer, a user who logged in, an operator."""
KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,99}$")]
"""The calling service's name."""
Rate = Annotated[str, StringConstraints(pattern=r"^(off|[1-9]\d{0,8}/(second|minute|hour))$")]
"""`100/second`; `off`: no limit."""


class KeyCreate(Body):
    """`POST /api/v1/keys`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "shop", "scopes": ["notifications:send", "notifications:read"], "rate_limit": "100/second"}
            ]
        }
    )

    name: KeyName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    kind: KeyKind = "live"
    rate_limit: Rate | None = None


class KeyView(BaseModel):
    """`GET /api/v1/keys`: a key without its secret."""

    key_id: UUID
    name: str
    tenant: str
    kind: KeyKind
    scopes: list[Scope]
    rate_limit: str | None
    created_at: Timestamp
    last_used_at: Timestamp | None
    revoked_at: Timestamp | None


class KeyCreated(KeyView):
    """A new key. No other response contains its secret."""

    key: str = Field(repr=False)


class VerifyRequest(Body):
    """`POST /internal/v1/verify` (service token only): identify the caller of a key or token."""

    api_key: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(default=None, repr=False)
    bearer: Annotated[str, StringConstraints(min_length=1, max_length=16_384)] | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.api_key is None) == (self.bearer is None):
            raise field_error("api_key", "exactly one of api_key or bearer is required")
        return self


class VerifyAnswer(BaseModel):
    """The caller that a valid key or token identifies. An invalid one is answered with 401."""

    tenant: str
    name: str
    scopes: list[Scope]
    key_id: str | None
    rate_limit: str | None = None
    test: bool = False
    user_id: UUID | None = None
    kind: CallerKind = "key"
