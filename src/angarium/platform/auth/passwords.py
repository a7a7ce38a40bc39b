"""Passwords as argon2id hashes (RFC 9106), computed outside the event loop."""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from angarium.contracts.errors import ServiceUnavailable

AnswerT = TypeVar("AnswerT")
AT_ONCE = 2
"""Hashes computed at the same time; each takes 64 MiB and about 0.2 s of one core."""
WAITING = 16
"""Calls that may wait for a free slot."""
PATIENCE = 1.0
"""Seconds that a call waits for a slot. With the hash itself, this is shorter than callers wait for an answer."""


def _default_hasher() -> PasswordHasher:
    """One lane (argon2's parallelism) per hash: more would take cores from other requests."""
    return PasswordHasher(parallelism=1)


class Passwords:
    """Hashes and verifies passwords.

    Both methods raise ServiceUnavailable before doing any work when too many calls wait or no slot becomes free in
    time.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, patience: float = PATIENCE) -> None:
        self._hasher = hasher or _default_hasher()
        self._patience = patience
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._placeholder = _hash_of_nothing(self._hasher)

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and parameters. Raises ServiceUnavailable."""
        return await self._in_a_slot(lambda: self._hasher.hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is the hash of `password`. Takes the same time if nothing is stored.

        Raises ServiceUnavailable.
        """
        return await self._in_a_slot(lambda: self._verify(kept, password))

    async def _in_a_slot(self, work: Callable[[], AnswerT]) -> AnswerT:
        await self._take_slot()
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(running)  # a cancelled caller releases the slot only once the thread is done

    async def _take_slot(self) -> None:
        if self._waiting >= WAITING:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1

    def _verify(self, kept: str | None, password: str) -> bool:
        try:
            self._hasher.verify(kept or self._placeholder, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash that no password has. Verifying it takes as long as verifying a hash of `hasher`."""
    salt, made = (_encoded(os.urandom(length)) for length in (hasher.salt_len, hasher.hash_len))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${made}"


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _busy() -> ServiceUnavailable:
    return ServiceUnavailable("Too many passwords are being checked; try again", retry_after=1)
