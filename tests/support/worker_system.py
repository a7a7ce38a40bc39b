"""The embedded form in two processes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from tests.support.processes import children_of
from tests.support.system import EmbeddedSystem


class EmbeddedWithWorker(EmbeddedSystem):
    """`angarium up --workers 1`: a second process delivers."""

    parts: ClassVar[Mapping[str, Sequence[str]]] = {"angarium": ("up", "--workers", "1")}

    @property
    def worker_process(self) -> int:
        """The id of the process that delivers."""
        (worker,) = self.worker_processes()
        return worker

    def worker_processes(self) -> list[int]:
        """The ids of the processes that deliver."""
        return [child for child in children_of(self.process_id("angarium")) if _delivers(child)]


def _delivers(process: int) -> bool:
    with suppress(OSError):
        return b"angarium.cli.worker_process" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return False
