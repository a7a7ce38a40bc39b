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
MARGIN = timedelta(seconds=5)
"""A lease with less than this left counts as over: a send takes time, and clocks differ."""
_RENEWALS_PER_LEASE = 3


class LeaseKeeper:
    """Knows which notifications are held under which claim token."""

    def __init__(self, *, store: NotificationStore, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._clock = clock
        self._logger = logger
        self._held: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._since: dict[UUID, float] = {}

    def hold(self, token: UUID, ids: Iterable[UUID], *, since: float | None = None) -> None:
        """Renew these from now on. `since`: when the claim was asked for (monotonic seconds), at the latest now."""
        ids = set(ids)
        if ids:
            self._held[token] |= ids
            self._since[token] = self._clock.monotonic() if since is None else since

    def is_valid(self, token: UUID, notification_id: UUID) -> bool:
        """Whether nobody else can have claimed it by now.

        False after a lost lease, after failed renewals, and in a process that was frozen for longer than the lease.
        """
        since = self._since.get(token)
        if since is None or self._clock.monotonic() - since > (LEASE - MARGIN).total_seconds():
            return False
        return notification_id in self._held[token]

    def let_go(self, token: UUID, notification_id: UUID) -> None:
        """Its result is recorded."""
        held = self._held.get(token)
        if held is not None:
            held.discard(notification_id)
            if not held:
                del self._held[token]
                self._since.pop(token, None)

    async def run(self) -> None:
        """Renew for ever, three times within a lease."""
        while True:
            await self._clock.sleep(LEASE.total_seconds() / _RENEWALS_PER_LEASE)
            await self.renew()

    async def renew(self) -> None:
        """Prolong every lease once. One that was lost is logged and no longer valid; its token can write nothing."""
        lost = 0
        for token, ids in [(token, set(ids)) for token, ids in self._held.items()]:
            asked = self._clock.monotonic()
            try:
                kept = await self._store.renew(ids, token=token, lease=LEASE)
            except Transient:
                self._logger.warning("lease.renewal_failed", count=len(ids))
                continue
            except Exception:
                # The leases of the other tokens must not end for it.
                self._logger.exception("lease.renewal_failed", count=len(ids))
                continue
            held = self._held.get(token)
            if held is None:
                continue
            gone = (ids & held) - set(kept)
            lost += len(gone)
            held -= gone
            self._since[token] = asked
        if lost:
            self._logger.warning("lease.lost", count=lost)
