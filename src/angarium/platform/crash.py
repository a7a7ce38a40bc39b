"""Ends the process where a test wants it to."""

import os
from collections.abc import Callable
from enum import StrEnum

STATUS = 70
"""The exit status, so that a test can tell this end from a fault."""


class CrashPoints:
    """Ends the process at `at`, at once, as a kill would: no handler runs, nothing is flushed. None: never."""

    def __init__(self, at: StrEnum | None = None, *, end: Callable[[int], object] = os._exit) -> None:
        self._at = at
        self._end = end

    def reach(self, point: StrEnum) -> None:
        """Called by the code at each point."""
        if point is self._at:
            self._end(STATUS)
