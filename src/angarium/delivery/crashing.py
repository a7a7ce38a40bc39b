"""A provider that ends the process at a crash point, for tests of recovery."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from angarium.contracts.crash_points import CrashPoint
from angarium.delivery.outcome import Outcome
from angarium.delivery.provider import Address, Outbound, Permit, Provider, service, takes
from angarium.platform.crash import CrashPoints


def with_crash_point(provider: Provider, point: CrashPoint | None) -> Provider:
    """Wrap `provider`; without a point, return it unchanged."""
    return provider if point is None else _CrashingProvider(provider, CrashPoints(point))


class _CrashingProvider:
    def __init__(self, provider: Provider, points: CrashPoints) -> None:
        self._provider = provider
        self._points = points

    @property
    def name(self) -> str:
        return self._provider.name

    @asynccontextmanager
    async def acquire(self, message: Outbound) -> AsyncIterator[Permit]:
        async with self._provider.acquire(message) as permit:
            yield _CrashingPermit(permit, self._points)

    async def send(self, message: Outbound) -> Outcome:
        async with self.acquire(message) as permit:
            return await permit.send()

    def takes(self, address: Address) -> bool:
        return takes(self._provider, address)

    def service(self, address: Address) -> str:
        return service(self._provider, address)

    async def ready(self) -> bool:
        return await self._provider.ready()

    async def close(self) -> None:
        await self._provider.close()


class _CrashingPermit:
    def __init__(self, permit: Permit, points: CrashPoints) -> None:
        self._permit = permit
        self._points = points

    async def send(self) -> Outcome:
        self._points.reach(CrashPoint.BEFORE_SEND)
        outcome = await self._permit.send()
        self._points.reach(CrashPoint.AFTER_SEND)
        return outcome
