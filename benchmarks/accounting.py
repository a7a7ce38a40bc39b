"""CPU time and memory of a process and its descendants, from /proc (proc(5))."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.support.servers.family import descendants

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    return [pid, *descendants(pid)]


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time so far, including children that have ended and were awaited."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15]) / _TICK
    return total


def resident_megabytes(pids: Iterable[int]) -> float:
    """The sum of the resident sets. Shared pages count once per process."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    return total


def open_files(pids: Iterable[int]) -> int:
    """The number of open file descriptors, sockets included."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return total
