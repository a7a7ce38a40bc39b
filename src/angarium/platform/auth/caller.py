"""The authenticated caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from angarium.contracts.errors import Forbidden
from angarium.contracts.keys import CallerKind
from angarium.contracts.scopes import Scope

SERVICE_TOKEN_HEADER = "x-service-token"  # noqa: S105 - a header's name
TENANT_HEADER = "x-angarium-tenant"
CALLER_HEADER = "x-angarium-caller"
SCOPES_HEADER = "x-angarium-scopes"
USER_HEADER = "x-angarium-user"


LONGEST_IDENTITY = 255
"""Characters that every database stores."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Tenant + key name (or JWT `sub`), with what it may do. `key_id` is None for tokens and services.

    `rate_limit` is the key's own (`100/second`, `off`); None: the default applies. `test`: its notifications are never
    sent. `user_id`: a stored user who logged in; they have no scopes, but may read and change their own data.
    """

    tenant: str
    name: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    rate_limit: str | None = None
    test: bool = False
    user_id: UUID | None = None
    kind: CallerKind = "key"

    @property
    def identity(self) -> str:
        """The caller within its tenant, at most 255 characters.

        A key, a token and a user with the same name are distinct.

        For a key, and for a token made from it, this is the key's name. Key names have no colon, so a key cannot be
        confused with a token or a user.
        """
        if self.kind == "key":
            return self.name
        whole = f"{self.kind}:{self.name}"
        return (
            whole if len(whole) <= LONGEST_IDENTITY else f"{self.kind}:sha256:{sha256(self.name.encode()).hexdigest()}"
        )

    def require(self, scope: Scope) -> None:
        """Raise Forbidden unless this caller has `scope` (or `admin`)."""
        if scope not in self.scopes and Scope.ADMIN not in self.scopes:
            message = f"The caller lacks the scope {scope}"
            raise Forbidden(message)


class Authenticator(Protocol):
    """Turns a request's headers into a caller."""

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Authenticate the caller by `headers` (lower-case names).

        `X-API-Key`, `Authorization: Bearer` or `X-Service-Token` (with tenant, caller and scopes in further headers).
        Raises Unauthorized, and ServiceUnavailable when the credentials cannot be verified now.
        """
        ...
