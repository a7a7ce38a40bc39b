"""Which provider takes an attempt."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.delivery.provider import Provider
from angarium.platform.clock import Clock

PAUSE = timedelta(seconds=30)
"""How long a provider that refuses us (credentials, account) is left alone."""


class Router:
    """Providers in their order of preference; after a retryable answer the next attempt takes the next one."""

    def __init__(self, providers: Sequence[Provider], clock: Clock) -> None:
        self._providers = tuple(providers)
        self._clock = clock
        self._paused_until: dict[int, float] = {}

    def choose(self, attempt: int) -> Provider | None:
        """The provider for attempt number `attempt` (from 1); None: each of them is paused."""
        now = self._clock.monotonic()
        count = len(self._providers)
        for step in range(count):
            position = (attempt - 1 + step) % count
            if self._paused_until.get(position, 0.0) <= now:
                return self._providers[position]
        return None

    def pause(self, provider: Provider) -> None:
        """Leave `provider` alone for `PAUSE`."""
        self._paused_until[self._providers.index(provider)] = self._clock.monotonic() + PAUSE.total_seconds()

    async def ready(self) -> bool:
        """Whether one of them could be used now."""
        return any([await provider.ready() for provider in self._providers])

    async def close(self) -> None:
        """Close every provider."""
        for provider in self._providers:
            await provider.close()
