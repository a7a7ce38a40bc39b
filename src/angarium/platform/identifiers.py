"""Identifiers that sort by creation time."""

import os
from collections.abc import Callable
from uuid import UUID

from angarium.platform.clock import Clock

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class Identifiers:
    """Generates UUIDs of version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, 74 random bits."""

    def __init__(self, clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy

    def new(self) -> UUID:
        """A new identifier; unique, and later ones sort after it (to the millisecond)."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        random = int.from_bytes(self._entropy(10), "big")
        high, low = (random >> 62) & 0xFFF, random & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | _VERSION_7 | high << 64 | _VARIANT | low)
