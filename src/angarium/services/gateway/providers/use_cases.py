"""Use cases of providers: list, set a breaker, pause and resume marketing."""

from collections.abc import Sequence
from uuid import UUID

from angarium.contracts.errors import NotFound
from angarium.contracts.providers import BreakerChange, BreakerState, ReputationChange, SenderState
from angarium.notifications.providers.model import Standing
from angarium.notifications.providers.store import ProviderStore
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor


class Providers:
    """The providers that workers have reported. Methods raise DatabaseUnavailable."""

    def __init__(self, store: ProviderStore, audit: AuditLog) -> None:
        self._store = store
        self._audit = audit

    async def all(self) -> Sequence[Standing]:
        """Every provider, by channel and order of preference."""
        return await self._store.standings()

    async def set_breaker(self, actor: Actor, provider_id: UUID, change: BreakerChange) -> Standing:
        """Hold the breaker open or closed, or let the workers control it again (`auto`).

        Takes effect in the workers within 5 s. Returns the changed provider. Raises NotFound.
        """
        state = None if change.state == "auto" else BreakerState(change.state)
        before = await self._store.force(provider_id, state)
        if before is None:
            raise NotFound("Provider not found")
        await self._audit.record(actor, f"provider.breaker_{change.state}", provider_id)
        [after] = await self._store.standings(provider_id)
        return after

    async def set_reputation(self, actor: Actor, provider_id: UUID, change: ReputationChange) -> Standing:
        """Keep a provider's marketing paused or active, or let the workers control it again (`auto`).

        Takes effect in the workers within 5 s. Returns the changed provider. Raises NotFound.
        """
        state = None if change.state == "auto" else SenderState(change.state)
        if not await self._store.reputation.force(provider_id, state):
            raise NotFound("Provider not found")
        await self._audit.record(actor, f"provider.reputation_{change.state}", provider_id)
        [after] = await self._store.standings(provider_id)
        return after
