"""A store that ends the process at a crash point, for tests of recovery."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from angarium.contracts.crash_points import CrashPoint
from angarium.notifications.model import Acceptance, NewNotification, OutboxKey, Result, Verdict
from angarium.notifications.store.port import NotificationStore
from angarium.platform.crash import CrashPoints


def with_crash_point(store: NotificationStore, point: CrashPoint | None) -> NotificationStore:
    """Wrap `store`; without a point, return it unchanged."""
    return store if point is None else cast("NotificationStore", _CrashingStore(store, CrashPoints(point)))


class _CrashingStore:
    def __init__(self, store: NotificationStore, points: CrashPoints) -> None:
        self._store = store
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, new: Sequence[NewNotification], *, outbox_lease: timedelta) -> Sequence[Acceptance]:
        self._points.reach(CrashPoint.BEFORE_ACCEPT)
        acceptances = await self._store.accept(new, outbox_lease=outbox_lease)
        self._points.reach(CrashPoint.AFTER_ACCEPT)
        return acceptances

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        self._points.reach(CrashPoint.AFTER_PUBLISH)
        await self._store.confirm_outbox(keys)

    async def claim(self, ids: Collection[UUID], *, token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
        verdicts = await self._store.claim(ids, token=token, lease=lease, worker=worker)
        self._points.reach(CrashPoint.AFTER_CLAIM)
        return verdicts

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        written = await self._store.record(results)
        self._points.reach(CrashPoint.AFTER_RECORD)
        return written
