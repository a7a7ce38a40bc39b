"""Operators, who sign in to the dashboard, and the permissions of their roles."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body, Timestamp
from angarium.contracts.scopes import Scope

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
OperatorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@ -]{0,99}$")]
Password = Annotated[str, StringConstraints(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


class Role(StrEnum):
    """An operator's role. Each role includes the permissions of the previous one."""

    VIEWER = "viewer"  # read everything except keys, the audit log and operators
    OPERATOR = "operator"  # also cancel, resend, replay dead letters, set breakers, change suppressions
    EDITOR = "editor"  # also change users and templates
    ADMIN = "admin"  # everything


_VIEWER = frozenset({Scope.NOTIFICATIONS_READ, Scope.USERS_READ, Scope.TEMPLATES_READ})
_OPERATOR = _VIEWER | {
    Scope.NOTIFICATIONS_SEND,
    Scope.DEAD_LETTERS_MANAGE,
    Scope.PROVIDERS_MANAGE,
    Scope.SUPPRESSIONS_MANAGE,
}
SCOPES: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.OPERATOR: _OPERATOR,
        Role.EDITOR: _OPERATOR | {Scope.USERS_WRITE, Scope.TEMPLATES_WRITE},
        Role.ADMIN: frozenset(Scope),
    }
)
"""The scopes of each role."""


class OperatorCreate(Body):
    """`POST /api/v1/operators`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "ada", "role": "operator"}]})

    name: OperatorName = Field(description="The name to sign in with. Unique within the tenant.")
    role: Role = Field(description="What the operator may do.")
    password: Password | None = Field(
        default=None, repr=False, description="At least 12 characters. Without one, one is made and shown once."
    )


class OperatorView(BaseModel):
    """`GET /api/v1/operators`: an account of the dashboard, without its password."""

    operator_id: UUID = Field(description="The account.")
    tenant: str
    name: str = Field(description="The name to sign in with.")
    role: Role = Field(description="What the operator may do.")
    created_at: Timestamp
    signed_in_at: Timestamp | None = Field(description="When the operator signed in last.")


class OperatorCreated(OperatorView):
    """A new account. No other response contains its password."""

    password: str | None = Field(repr=False, description="The password that was made; null where one was given.")
