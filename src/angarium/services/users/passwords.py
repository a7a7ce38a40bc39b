"""Passwords as argon2id hashes (RFC 9106), made beside the event loop."""

import asyncio

from argon2 import PasswordHasher

AT_ONCE = 2
"""Hashes made at the same time; each takes 64 MiB."""


class Passwords:
    """Hashes passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """The hash to keep, with its salt and parameters."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)
