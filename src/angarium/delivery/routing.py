"""Which provider takes an attempt."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.delivery.provider import Address, Provider, Selective, service
from angarium.platform.clock import Clock

PAUSE = timedelta(seconds=30)
"""How long a provider that refuses us (credentials, account) is left alone."""


class Router:
    """Providers in their order of preference; after a retryable answer the next attempt takes the next one.

    Only those that take the address count. A pause is of one service behind a provider.
    """

    def __init__(self, providers: Sequence[Provider], clock: Clock) -> None:
        self._providers = tuple(providers)
        self._selective = tuple(provider if isinstance(provider, Selective) else None for provider in providers)
        self._every = tuple(range(len(self._providers))) if not any(self._selective) else None
        self._clock = clock
        self._names = _numbered([provider.name for provider in providers])
        self._paused_until: dict[tuple[int, str], float] = {}

    def choose(self, attempt: int, address: Address, only: str | None = None) -> Provider | None:
        """The provider for attempt number `attempt` (from 1); None: none takes `address`, or each is paused.

        `only`: the name of the one that may have taken the message already, so that no other can send it a second
        time; None where that one is paused. A name that is not configured, or does not take `address`, does not count.
        """
        fitting = self._every if self._every is not None else self._fitting(address)
        if only is not None:
            fitting = tuple(index for index in fitting if self._names[index] == only) or fitting
        count = len(fitting)
        for step in range(attempt - 1, attempt - 1 + count):
            index = fitting[step % count]
            if not self._paused_until or not self._is_paused(index, address):
                return self._providers[index]
        return None

    def serves(self, address: Address) -> bool:
        """Whether one of the providers takes `address`."""
        return self._every is not None or bool(self._fitting(address))

    def name(self, provider: Provider) -> str:
        """What `provider` is called in the timeline and in metrics: `smtp`, the second one `smtp-2`."""
        return self._names[self._providers.index(provider)]

    def pause(self, provider: Provider, address: Address) -> None:
        """Leave the service that `address` leads to alone for `PAUSE`."""
        now = self._clock.monotonic()
        self._paused_until = {paused: until for paused, until in self._paused_until.items() if until > now}
        self._paused_until[self._service(self._providers.index(provider), address)] = now + PAUSE.total_seconds()

    async def ready(self) -> bool:
        """Whether one of them could be used now."""
        return any([await provider.ready() for provider in self._providers])

    async def close(self) -> None:
        """Close every provider."""
        for provider in self._providers:
            await provider.close()

    def _fitting(self, address: Address) -> tuple[int, ...]:
        return tuple(
            index for index, selective in enumerate(self._selective) if selective is None or selective.takes(address)
        )

    def _is_paused(self, index: int, address: Address) -> bool:
        return self._paused_until.get(self._service(index, address), 0.0) > self._clock.monotonic()

    def _service(self, index: int, address: Address) -> tuple[int, str]:
        return index, service(self._providers[index], address)


def _numbered(names: Sequence[str]) -> Sequence[str]:
    """Each name once: the second `smtp` is `smtp-2`."""
    taken: list[str] = []
    for name in names:
        number = names[: len(taken)].count(name) + 1
        taken.append(name if number == 1 else f"{name}-{number}")
    return taken
