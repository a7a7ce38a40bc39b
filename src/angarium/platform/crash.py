"""Crash points, at which tests end the process."""

import os
from collections.abc import Callable
from enum import StrEnum

STATUS = 70
"""The exit status, which distinguishes a crash point from a real crash."""


class CrashPoints:
    """Ends the process at the point `at` as SIGKILL would: no handler runs, nothing is flushed. None: never."""

    def __init__(self, at: StrEnum | None = None, *, end: Callable[[int], object] = os._exit) -> None:
        self._at = at
        self._end = end

    def reach(self, point: StrEnum) -> None:
        """Called by the code at each point."""
        if point is self._at:
            self._end(STATUS)
