"""What the kernel knows of a process."""

from contextlib import suppress
from pathlib import Path


def runs(process: int) -> bool:
    """Whether the process is there, and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False
