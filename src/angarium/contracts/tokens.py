"""Short-lived tokens, issued for an API key or for a user's email and password."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body
from angarium.contracts.scopes import Scope

Email = Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^\x00]*$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class TokenRequest(Body):
    """`POST /api/v1/auth/token`; `scopes`: a subset of the key's (default: all of them)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scopes": ["notifications:send"]}]})

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None


class LoginRequest(Body):
    """`POST /api/v1/auth/login`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "john@example.com", "password": "a long sentence", "tenant": "default"}]
        }
    )

    email: Email = Field(repr=False)
    password: Password = Field(repr=False)
    tenant: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")] = "default"


class TokenIssued(BaseModel):
    """A bearer token and its lifetime in seconds (RFC 6749 §5.1)."""

    access_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a type's name
    expires_in: int


class PasswordCheck(Body):
    """`POST /internal/v1/login` (service token only): identify a user by email and password."""

    email: Email = Field(repr=False)
    password: Password = Field(repr=False)


class PasswordChecked(BaseModel):
    """The user. Wrong credentials are answered with 401, too many of them with 429."""

    user_id: UUID
