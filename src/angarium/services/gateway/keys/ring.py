"""Look-ups of keys at every request, with a short-lived cache."""

from datetime import datetime, timedelta
from uuid import UUID

from angarium.platform.auth.caller import Caller
from angarium.platform.auth.credentials import hash_key
from angarium.platform.caching import LocalCache
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop
from angarium.services.gateway.keys.store import ApiKey, KeyStore

GOOD_FOR = timedelta(seconds=30)
"""How long a valid key is cached: a revoked key is refused everywhere after this at the latest."""
BAD_FOR = timedelta(seconds=5)
"""How long an unknown key is refused from the cache; short, so that a new key works soon."""
ENTRIES = 10_000


class KeyRing(Loop):
    """Finds the caller of a key. Looks up by hash only, so no comparison depends on the secret.

    As a loop it records when keys were last used.
    """

    name = "keys"
    pause = 30.0

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self._good: LocalCache[str, tuple[ApiKey, Caller]] = LocalCache(clock, max_entries=ENTRIES, ttl=GOOD_FOR)
        self._bad: LocalCache[str, bool] = LocalCache(clock, max_entries=ENTRIES, ttl=BAD_FOR)
        self._used: dict[UUID, datetime] = {}

    async def caller(self, secret: str) -> Caller | None:
        """The caller of a valid key; None otherwise.

        Raises DatabaseUnavailable if the key is not cached and the store is unavailable.
        """
        key_hash = hash_key(secret)
        known = self._good.peek(key_hash)
        if known is None:
            if self._bad.peek(key_hash):
                return None
            known = await self._good.get(key_hash, lambda: self._load(key_hash))
        if known is None:
            self._bad.put(key_hash, True)
            return None
        self._used[known[0].key_id] = self._clock.now()
        return known[1]

    def forget(self) -> None:
        """Clear the cache, after a key was created, rotated or revoked."""
        self._good.clear()
        self._bad.clear()

    async def once(self) -> bool:
        """Record when keys were last used. Raises DatabaseUnavailable; the next pass tries again."""
        used, self._used = self._used, {}
        written = not used
        try:
            if used:
                await self._store.touch(used)
            written = True
        finally:
            if not written:
                self._used = {**used, **self._used}
        return False

    async def _load(self, key_hash: str) -> tuple[ApiKey, Caller] | None:
        key = await self._store.find(key_hash)
        if key is None or key.revoked_at is not None:
            return None
        return key, Caller(
            tenant=key.tenant,
            name=key.name,
            scopes=key.scopes,
            key_id=str(key.key_id),
            rate_limit=key.rate_limit,
            test=key.kind == "test",
        )
