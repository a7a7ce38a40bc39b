"""Reads information about processes from the kernel."""

from contextlib import suppress
from pathlib import Path


def runs(process: int) -> bool:
    """Whether the process exists and is not a zombie."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


def children_of(process: int) -> list[int]:
    """The running child processes."""
    listed = Path(f"/proc/{process}/task").glob("*/children")
    found = [int(child) for tasks in listed for child in tasks.read_text(encoding="ascii").split()]
    return [child for child in found if runs(child)]


def cpu_ticks(process: int) -> int:
    """The CPU time that the process has used, in clock ticks."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
