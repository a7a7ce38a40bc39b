"""Renews the leases of what this worker holds, so that only the work of the dead moves on."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.notifications.store.port import NotificationStore
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

LEASE = timedelta(seconds=20)
_RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """Knows which notifications are held under which claim token."""

    def __init__(self, *, store: NotificationStore, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger
        self._held: defaultdict[UUID, set[UUID]] = defaultdict(set)

    def hold(self, token: UUID, ids: Iterable[UUID]) -> None:
        """Renew these from now on."""
        self._held[token].update(ids)

    def let_go(self, token: UUID, notification_id: UUID) -> None:
        """Its result is recorded."""
        held = self._held.get(token)
        if held is not None:
            held.discard(notification_id)
            if not held:
                del self._held[token]

    async def run(self) -> None:
        """Renew for ever, three times within a lease."""
        while True:
            await self._clock.sleep(LEASE.total_seconds() / _RENEWALS_PER_LEASE)
            await self.renew()

    async def renew(self) -> None:
        """Prolong every lease once. A lease that was lost is only logged: its token can write nothing."""
        lost = 0
        for token, ids in [(token, set(ids)) for token, ids in self._held.items()]:
            try:
                kept = await self._store.renew(ids, token=token, lease=LEASE)
            except Transient:
                self._logger.warning("lease.renewal_failed", count=len(ids))
                continue
            lost += len((ids & self._held.get(token, set())) - set(kept))
        if lost:
            self._logger.warning("lease.lost", count=lost)
