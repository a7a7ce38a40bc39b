"""Use cases of operators' accounts: create, list, revoke. A generated password is returned once."""

import os
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from angarium.contracts.errors import Conflict, Detail, NotFound
from angarium.contracts.operators import OperatorCreate
from angarium.platform.auth.passwords import Passwords
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.operators.store import Operator, OperatorStore

_RANDOM_BYTES = 15
"""120 random bits: 24 characters."""


@dataclass(frozen=True, slots=True)
class FreshOperator:
    """A new account. `password` is the generated password, None if the request gave one. Only its hash is stored."""

    operator: Operator
    password: str | None = field(repr=False)


class Operators:
    """Manages the accounts of a tenant. Methods raise DatabaseUnavailable."""

    def __init__(
        self,
        *,
        store: OperatorStore,
        passwords: Passwords,
        audit: AuditLog,
        runtime: Runtime,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._audit = audit
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._entropy = entropy

    async def create(self, actor: Actor, request: OperatorCreate) -> FreshOperator:
        """Create an account in the actor's tenant. Raises Conflict if the name is taken, ServiceUnavailable."""
        made = None if request.password is not None else b32encode(self._entropy(_RANDOM_BYTES)).decode().lower()
        operator = Operator(
            operator_id=self._identifiers.new(),
            tenant=actor.caller.tenant,
            name=request.name,
            role=request.role,
            created_at=self._clock.now(),
            password_hash=await self._passwords.hash(request.password or made or ""),
        )
        if not await self._store.add(operator, self._audit.entry(actor, "operator.created", operator.operator_id)):
            raise Conflict(details=(Detail("name", "an operator has this name"),))
        return FreshOperator(operator, made)

    async def page(self, tenant: str, *, limit: int, page: int) -> tuple[Sequence[Operator], int]:
        """A page of the tenant's accounts, sorted by name, and the total."""
        return await self._store.page(tenant, limit=limit, offset=(page - 1) * limit)

    async def revoke(self, actor: Actor, operator_id: UUID) -> None:
        """Delete an account of the actor's tenant and end its sessions immediately. Raises NotFound."""
        entry = self._audit.entry(actor, "operator.revoked", operator_id)
        if not await self._store.remove(actor.caller.tenant, operator_id, entry):
            raise NotFound("There is no such operator")
