"""Passwords as argon2id hashes (RFC 9106), made beside the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from angarium.contracts.errors import ServiceUnavailable

AT_ONCE = 2
"""Hashes made at the same time; each takes 64 MiB."""
WAITING = 16
"""Passwords checked or waiting for it at a time: a caller gives up after two seconds."""


class Passwords:
    """Hashes passwords, and checks them."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to keep, with its salt and parameters."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is the hash of `password`; as long as that takes even where nothing is kept.

        Raises ServiceUnavailable when too many are waiting already.
        """
        if self._waiting >= WAITING:
            raise ServiceUnavailable(retry_after=1)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(self._verify, kept, password)
        finally:
            self._waiting -= 1

    def _verify(self, kept: str | None, password: str) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("")
        try:
            self._hasher.verify(kept or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None
