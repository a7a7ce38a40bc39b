"""The shared cache as the rest of Angarium sees it.

It never holds the only copy of anything, so no method raises: a cache that is down, slow or flushed reports a miss.
`tests/conformance/cache` checks every adapter.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

Listener = Callable[[str], Awaitable[None]]
Hears = Callable[[], bool]
"""Whether announcements reach the listener now, as far as this process can tell. Cheap."""


class Cache(Protocol):
    """Maps keys to bytes with a TTL, and broadcasts announcements to every process."""

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return the values in order; None for a missing value or if the cache does not answer in time."""
        ...

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        """Store the entries for `ttl`; return whether they were stored."""
        ...

    async def delete(self, keys: Sequence[str]) -> bool:
        """Delete the keys. False: the cache did not answer, and an old value may still be there."""
        ...

    async def announce(self, topic: str, text: str) -> bool:
        """Send `text` to every listener of `topic`, in all processes. Best effort."""
        ...

    def listen(self, topic: str, listener: Listener) -> AbstractAsyncContextManager[Hears]:
        """Call `listener` with each text announced on `topic` while the context is open.

        Announcements may be lost while the cache is down, which the context's value shows within seconds. When the
        cache is back, the listener is called once with "", meaning that anything may have changed, before it receives
        announcements again.
        """
        ...

    async def ready(self) -> bool:
        """Whether the cache answers."""
        ...

    async def close(self) -> None:
        """Release every resource; idempotent."""
        ...
