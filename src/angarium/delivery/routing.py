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
        self._names = _numbered([provider.name for provider in providers])
        self._paused_until: dict[int, float] = {}

    def choose(self, attempt: int, only: str | None = None) -> Provider | None:
        """The provider for attempt number `attempt` (from 1); None: each of them is paused.

        `only`: the name of the one that may have taken the message already, so that no other can send it a second
        time; None where that one is paused. A name that is no longer configured does not count.
        """
        now = self._clock.monotonic()
        count = len(self._providers)
        order = range(attempt - 1, attempt - 1 + count)
        if only in self._names:
            order = range(self._names.index(only), self._names.index(only) + 1)
        for step in order:
            if self._paused_until.get(step % count, 0.0) <= now:
                return self._providers[step % count]
        return None

    def name(self, provider: Provider) -> str:
        """What `provider` is called in the timeline and in metrics: `smtp`, the second one `smtp-2`."""
        return self._names[self._providers.index(provider)]

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


def _numbered(names: Sequence[str]) -> Sequence[str]:
    """Each name once: the second `smtp` is `smtp-2`."""
    taken: list[str] = []
    for name in names:
        number = names[: len(taken)].count(name) + 1
        taken.append(name if number == 1 else f"{name}-{number}")
    return taken
