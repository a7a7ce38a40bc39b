"""Renews this worker's leases, so that only the work of dead workers is taken over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from angarium.contracts.errors import Transient
from angarium.notifications.model import LeaseOf, Renewed
from angarium.notifications.store.port import NotificationStore
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

LEASE = timedelta(seconds=20)
MARGIN = timedelta(seconds=5)
"""A lease with less than this left counts as expired, since a send takes time and clocks differ."""
_RENEWALS_PER_LEASE = 3
_BATCH = 1000


class LeaseKeeper:
    """Tracks the notifications held by claim token."""

    def __init__(self, *, store: NotificationStore, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger
        self._held: defaultdict[UUID, dict[UUID, float]] = defaultdict(dict)
        """By token and notification: the start of the lease (monotonic seconds)."""

    def hold(self, token: UUID, ids: Iterable[UUID], *, since: float | None = None) -> None:
        """Start renewing these leases. `since`: when the claim was requested (monotonic seconds), at the latest now."""
        held = dict.fromkeys(ids, self._clock.monotonic() if since is None else since)
        if held:
            self._held[token].update(held)

    def is_valid(self, token: UUID, notification_id: UUID) -> bool:
        """Whether the lease is still valid, so that no other worker can have claimed it.

        False after a lost lease, after failed renewals, and if the process was frozen for longer than the lease.
        """
        held = self._held.get(token)
        since = None if held is None else held.get(notification_id)
        return since is not None and self._clock.monotonic() - since <= (LEASE - MARGIN).total_seconds()

    def let_go(self, token: UUID, notification_id: UUID) -> None:
        """Stop renewing a lease, since the result is recorded."""
        held = self._held.get(token)
        if held is not None:
            held.pop(notification_id, None)
            if not held:
                del self._held[token]

    async def run(self) -> None:
        """Renew endlessly, three times per lease."""
        while True:
            await self._clock.sleep(LEASE.total_seconds() / _RENEWALS_PER_LEASE)
            await self.renew()

    async def renew(self) -> None:
        """Renew every lease once. A lost lease is logged and no longer valid; its token cannot write anything."""
        leases = [(id_, token) for token, ids in self._held.items() for id_ in ids]
        for start in range(0, len(leases), _BATCH):
            await self._renew(leases[start : start + _BATCH])

    async def _renew(self, leases: Sequence[LeaseOf]) -> None:
        """Renew these leases; after an unexpected error, bisect them to find the faulty one."""
        asked = self._clock.monotonic()
        try:
            renewed = await self._store.renew(leases, lease=LEASE)
        except Transient:
            self._logger.warning("lease.renewal_failed", count=len(leases))
        except Exception:
            self._logger.exception("lease.renewal_failed", count=len(leases))
            if (half := len(leases) // 2) > 0:
                await self._renew(leases[:half])
                await self._renew(leases[half:])
        else:
            self._take_in(renewed, asked)

    def _take_in(self, renewed: Renewed, asked: float) -> None:
        for id_, token in renewed.prolonged:
            if id_ in (held := self._held.get(token, {})):
                held[id_] = asked
        for id_, token in renewed.lost:
            self.let_go(token, id_)
        if renewed.lost:
            self._logger.warning("lease.lost", count=len(renewed.lost))
