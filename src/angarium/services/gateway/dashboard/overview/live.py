"""Live parts: one look for each tenant that has a viewer, whatever the number of viewers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from angarium.contracts.errors import Transient
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop

Parts = Mapping[str, str]
"""HTML by the id of the element that has it."""
LONGEST_SECONDS = 300.0
"""After this a stream ends and the browser asks again, so that a session that is over is noticed."""
QUIET_SECONDS = 15.0
"""After so long without news a comment is sent, so that proxies keep the connection."""
MOST_VIEWERS = 200
"""Streams of one process; beyond it a page shows what it was loaded with."""


@dataclass(eq=False, slots=True)
class _Viewer:
    """One stream. `pending` has the newest form of each part that was not sent yet: a slow client costs no more."""

    tenant: str
    pending: dict[str, str] = field(default_factory=dict)
    stale: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Live(Loop):
    """Looks every two seconds while somebody watches. Never reads anything otherwise."""

    name = "dashboard"
    pause = 2.0

    def __init__(self, read: Callable[[str], Awaitable[Parts]], clock: Clock) -> None:
        super().__init__()
        self._read = read
        self._clock = clock
        self._viewers: set[_Viewer] = set()
        self._shown: dict[str, Parts] = {}
        self._end = asyncio.Event()

    @property
    def viewers(self) -> int:
        """How many streams there are."""
        return len(self._viewers)

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that are watched."""
        return frozenset(viewer.tenant for viewer in self._viewers)

    async def once(self) -> bool:
        """Look, and hand each viewer the parts that changed. A look that fails is said, and tried again."""
        tenants = self.tenants
        self._shown = {tenant: parts for tenant, parts in self._shown.items() if tenant in tenants}
        for tenant in tenants:
            await self._look(tenant)
        return False

    async def stream(self, tenant: str) -> AsyncIterator[str | Parts | None]:
        """Parts as they change, `stale` where they cannot be read, None where nothing happened for a while."""
        if self._end.is_set() or len(self._viewers) >= MOST_VIEWERS:
            return
        viewer = _Viewer(tenant, dict(self._shown.get(tenant, {})))
        self._viewers.add(viewer)
        self.wake()
        end = self._clock.monotonic() + LONGEST_SECONDS
        try:
            while not self._end.is_set() and self._clock.monotonic() < end:
                if viewer.pending:
                    parts, viewer.pending = viewer.pending, {}
                    yield parts
                elif viewer.stale:
                    viewer.stale = False
                    yield "stale"
                elif not await self._news(viewer):
                    yield None
        finally:
            self._viewers.discard(viewer)

    def close(self) -> None:
        """End every stream: the server stops."""
        self._end.set()
        for viewer in self._viewers:
            viewer.news.set()

    async def _news(self, viewer: _Viewer) -> bool:
        viewer.news.clear()
        waiting = [asyncio.ensure_future(viewer.news.wait()), asyncio.ensure_future(self._clock.sleep(QUIET_SECONDS))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return viewer.news.is_set()

    async def _look(self, tenant: str) -> None:
        try:
            parts = await self._read(tenant)
        except Transient:
            self._tell(tenant, {}, stale=True)
            return
        before = self._shown.get(tenant, {})
        self._shown[tenant] = parts
        self._tell(tenant, {name: html for name, html in parts.items() if before.get(name) != html}, stale=False)

    def _tell(self, tenant: str, changed: Parts, *, stale: bool) -> None:
        for viewer in self._viewers:
            if viewer.tenant == tenant:
                viewer.pending.update(changed)
                viewer.stale = stale
                if changed or stale:
                    viewer.news.set()
