"""An issuer's published keys (JWKS, RFC 7517 §5): fetched when needed, cached, fetched again after a key rotation."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import httpx2
import jwt

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.auth.public_keys import PinnedKey, pin
from angarium.platform.clock import Clock

FRESH_SECONDS = 600.0
"""After this time the set is fetched again."""
PAUSE_SECONDS = 30.0
"""Minimum seconds between two fetches, whatever key ids tokens name."""
TIMEOUT_SECONDS = 5.0


class KeySet:
    """The keys at `url`, by key id.

    While the issuer does not answer, its last known keys stay in use. `transport` replaces the network.
    """

    def __init__(self, url: str, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._clock = clock
        self._transport = transport
        self._keys: Mapping[str, PinnedKey] | None = None
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> PinnedKey | None:
        """Return the key with that id, None if the issuer has no such key.

        Raises ServiceUnavailable if its keys have never been fetched.
        """
        if self._stale(key_id):
            async with self._fetching:
                if self._stale(key_id):
                    await self._fetch()
        if self._keys is None:
            raise ServiceUnavailable
        return self._keys.get(key_id)

    def _stale(self, key_id: str) -> bool:
        now = self._clock.monotonic()
        if now < self._asked_at + PAUSE_SECONDS:
            return False
        return self._keys is None or key_id not in self._keys or now >= self._fetched_at + FRESH_SECONDS

    async def _fetch(self) -> None:
        self._asked_at = self._clock.monotonic()
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
            ):
                answer = await client.get(self._url)
            if answer.status_code == HTTPStatus.OK:
                self._keys = _keys_of(answer.json())
                self._fetched_at = self._clock.monotonic()
        except (httpx2.TransportError, OSError, ValueError, jwt.PyJWTError):
            return  # known keys stay in use


def _keys_of(document: object) -> Mapping[str, PinnedKey]:
    """The signature keys of supported kinds; others are ignored."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        message = "not a JWK set"
        raise ValueError(message)  # noqa: TRY004 - the answer is wrong, not a type of ours
    found: dict[str, PinnedKey] = {}
    for entry in entries:
        key = _key_of(entry)
        if key is not None:
            found[str(entry["kid"])] = key
    return MappingProxyType(found)


def _key_of(entry: object) -> PinnedKey | None:
    if not isinstance(entry, dict) or "kid" not in entry or entry.get("use", "sig") != "sig":
        return None
    try:
        key = pin(jwt.PyJWK.from_dict(entry).key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if entry.get("alg", key.algorithm) == key.algorithm else None
