"""The shared cache as the rest of Angarium sees it.

It is never the only copy of anything, so no method raises: a cache that is down, slow or flushed misses.
Held for every adapter by `tests/conformance/cache`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

Listener = Callable[[str], Awaitable[None]]
Hears = Callable[[], bool]
"""Whether what is announced reaches the listener now, as far as this process can know. Cheap."""


class Cache(Protocol):
    """Keys to bytes, with a time to live, and a bell that rings in every process."""

    async def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """The values in order; None where there is none or the cache does not answer in time."""
        ...

    async def set_many(self, entries: Mapping[str, bytes], ttl: timedelta) -> bool:
        """Keep the entries for `ttl`. Whether they were taken."""
        ...

    async def delete(self, keys: Sequence[str]) -> bool:
        """Forget the keys. False: the cache did not answer, an old value may still be there."""
        ...

    async def announce(self, topic: str, text: str) -> bool:
        """Ring `topic` with `text` in every process that listens now. Best effort."""
        ...

    def listen(self, topic: str, listener: Listener) -> AbstractAsyncContextManager[Hears]:
        """Call `listener` with each text announced on `topic` while the context is open.

        Rings may be lost while the cache is away, which the context's value tells within seconds. When the cache comes
        back the listener is called with "" once, which means: anything may have changed; only then it receives again.
        """
        ...

    async def ready(self) -> bool:
        """Whether the cache answers."""
        ...

    async def close(self) -> None:
        """Release every resource; idempotent."""
        ...
