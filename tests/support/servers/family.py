"""Processes and their descendants; as a program, the guard that ends a family whose owner was killed.

Imports nothing of ours, so that the guard starts in milliseconds.
"""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started, parents first."""
    children: dict[int, list[int]] = defaultdict(list)
    for child, (parent, *_) in _table().items():
        children[parent].append(child)
    found = list(children[pid])
    for one in found:
        found.extend(children[one])
    return found


def alive(pid: int) -> bool:
    """Whether the process may still hold files and sockets."""
    _, state, threads = _table().get(pid, (0, "Z", 0))
    return state != "Z" or threads > 1  # a zombie waits for its parent; its threads may still hold its sockets


def guard(pid: int) -> None:
    """Wait for one word on standard input. If it ends without one, the owner was killed: kill the family."""
    if sys.stdin.read(1):
        return
    for member in (pid, *descendants(pid)):
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def _table() -> dict[int, tuple[int, str, int]]:
    """Every process's parent, state and number of threads (proc(5), `/proc/pid/stat`)."""
    if not Path("/proc/self/stat").exists():
        return _table_by_ps()
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                table[int(entry.name)] = (int(fields[1]), fields[0], int(fields[17]))
    return table


def _table_by_ps() -> dict[int, tuple[int, str, int]]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="],  # noqa: S607 - where there is no /proc
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    return {int(pid): (int(parent), state[0], 1) for pid, parent, state in rows}


if __name__ == "__main__":
    guard(int(sys.argv[1]))
