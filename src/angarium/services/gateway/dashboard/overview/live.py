"""Live updates of the overview: one read per tenant with viewers, shared by all of its viewers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from angarium.contracts.errors import Transient
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop

Parts = Mapping[str, str]
"""HTML by the id of the element that contains it."""
LONGEST_SECONDS = 300.0
"""The maximum duration of a stream. The browser then reconnects, which checks its session again."""
QUIET_SECONDS = 15.0
"""After this time without a change, a comment is sent, so that proxies do not close the connection."""
MOST_VIEWERS = 200
"""The maximum number of streams in a process. Further pages get no live updates."""


@dataclass(eq=False, slots=True)
class _Viewer:
    """One stream. `pending` has only the newest HTML of each unsent part, which bounds the memory of slow clients."""

    tenant: str
    pending: dict[str, str] = field(default_factory=dict)
    stale: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Live(Loop):
    """Reads the overviews every two seconds while there are viewers; reads nothing without viewers."""

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
        """The number of open streams."""
        return len(self._viewers)

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants with viewers."""
        return frozenset(viewer.tenant for viewer in self._viewers)

    async def once(self) -> bool:
        """Read each tenant's overview and send its viewers the changed parts, or `stale` if it cannot be read."""
        tenants = self.tenants
        self._shown = {tenant: parts for tenant, parts in self._shown.items() if tenant in tenants}
        for tenant in tenants:
            await self._refresh(tenant)
        return False

    async def stream(self, tenant: str) -> AsyncIterator[str | Parts | None]:
        """The changed parts; `"stale"` if they cannot be read; None after 15 s without a change.

        Starts with all parts. Ends after 5 minutes, when the server stops, or at once if there are too many viewers.
        """
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
                elif not await self._wait_for_change(viewer):
                    yield None
        finally:
            self._viewers.discard(viewer)

    def close(self) -> None:
        """End every stream, because the server stops."""
        self._end.set()
        for viewer in self._viewers:
            viewer.changed.set()

    async def _wait_for_change(self, viewer: _Viewer) -> bool:
        """Wait for a change. False after `QUIET_SECONDS` without one."""
        viewer.changed.clear()
        change, timeout = viewer.changed.wait(), self._clock.sleep(QUIET_SECONDS)
        waiting = [asyncio.ensure_future(change), asyncio.ensure_future(timeout)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return viewer.changed.is_set()

    async def _refresh(self, tenant: str) -> None:
        try:
            parts = await self._read(tenant)
        except Transient:
            self._publish(tenant, {}, stale=True)
            return
        before = self._shown.get(tenant, {})
        self._shown[tenant] = parts
        self._publish(tenant, {name: html for name, html in parts.items() if before.get(name) != html}, stale=False)

    def _publish(self, tenant: str, changed: Parts, *, stale: bool) -> None:
        for viewer in self._viewers:
            if viewer.tenant == tenant:
                viewer.pending.update(changed)
                viewer.stale = stale
                if changed or stale:
                    viewer.changed.set()
