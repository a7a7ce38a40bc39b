"""Runs `angarium` with a wall clock that is off: `python shifted_clock.py SECONDS ARGUMENTS…`."""

import sys
from datetime import UTC, datetime, timedelta

from angarium.cli.main import main
from angarium.platform.clock import SystemClock


def shift(offset: timedelta) -> None:
    """Have every process clock of this process read so much later; monotonic time is as it was."""

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + offset

    SystemClock.now = now  # type: ignore[method-assign]  # the one source of wall time in the code


if __name__ == "__main__":
    shift(timedelta(seconds=float(sys.argv.pop(1))))
    main()
