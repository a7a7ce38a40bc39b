"""Runs `angarium` with a wrong wall clock: `python shifted_clock.py SECONDS ARGUMENTS…`."""

import sys
from datetime import UTC, datetime, timedelta

from angarium.cli.main import main
from angarium.platform.clock import SystemClock


def shift(offset: timedelta) -> None:
    """Shift the wall clock of this process by `offset`. Monotonic time is not changed."""

    def now(self: SystemClock) -> datetime:
        return datetime.now(UTC) + offset

    SystemClock.now = now  # type: ignore[method-assign]  # the one source of wall time in the code


if __name__ == "__main__":
    shift(timedelta(seconds=float(sys.argv.pop(1))))
    main()
