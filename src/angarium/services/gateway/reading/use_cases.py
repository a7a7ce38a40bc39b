"""Reads notifications for callers. A logged-in user sees only notifications sent to them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from angarium.contracts.errors import NotFound
from angarium.contracts.notifications import NotificationView, Why
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.paging import Found
from angarium.notifications.store.read.notifications import NotificationFilter, NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.clock import Clock
from angarium.platform.http.frame.dependencies import PageQuery
from angarium.services.gateway.reading.obstacles import NO_OBSTACLES, WAITING, Obstacles, obstacles_of
from angarium.services.gateway.reading.why import explain


class Reading:
    """Methods raise NotFound, also for notifications of others, and DatabaseUnavailable.

    `never_paused`: categories that are sent even while their sender is paused.
    """

    def __init__(
        self, reader: NotificationReader, providers: ProviderStore, clock: Clock, never_paused: Collection[str] = ()
    ) -> None:
        self._reader = reader
        self._providers = providers
        self._clock = clock
        self._never_paused = frozenset(never_paused)

    async def find(self, caller: Caller, wanted: NotificationFilter, page: PageQuery) -> Found[NotificationView]:
        """A page of notifications, newest first."""
        if caller.user_id is not None:
            wanted = replace(wanted, user_id=str(caller.user_id))
        return await self._reader.find(caller.tenant, wanted, page=page.page, limit=page.limit, cursor=page.cursor)

    async def get(self, caller: Caller, notification_id: UUID) -> NotificationView:
        """One notification, from a replica if there is one."""
        view = await self._reader.get(caller.tenant, notification_id)
        if view is None or (caller.user_id is not None and view.user_id != str(caller.user_id)):
            raise NotFound
        return view

    async def get_now(self, caller: Caller, notification_id: UUID) -> NotificationView:
        """One notification with the latest change, never from a replica."""
        view = await self._reader.get_now(caller.tenant, notification_id)
        if view is None:
            raise NotFound
        return view

    async def events(self, caller: Caller, notification_id: UUID) -> Sequence[dict[str, Any]]:
        """The timeline, oldest first."""
        if caller.user_id is not None:
            await self.get(caller, notification_id)
        events: Sequence[dict[str, Any]] | None = await self._reader.events(caller.tenant, notification_id)
        if events is None:
            raise NotFound
        return events

    async def why(self, caller: Caller, notification_id: UUID) -> Why:
        """Every decision about a notification, and the providers' answers."""
        view = await self.get(caller, notification_id)
        events = await self._reader.events(caller.tenant, notification_id) or ()
        return explain(view, events, await self._obstacles(view, events))

    async def _obstacles(self, view: NotificationView, events: Sequence[dict[str, Any]]) -> Obstacles:
        if view.status not in WAITING:
            return NO_OBSTACLES
        standings, now = await self._providers.standings(), self._clock.now()
        return obstacles_of(view, events, standings, never_paused=self._never_paused, now=now)
