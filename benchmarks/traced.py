"""Runs `angarium` and records which of its files run. Started by `benchmarks.files_of_one_email` only.

Once `trace/N.begin` exists in the working directory, the files whose functions are called are collected. Once
`trace/N.end` exists, they are written to `trace/N.PROCESS`, one per line.
"""

import asyncio
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import angarium
from angarium.cli.main import main
from angarium.platform.http.server.server import serve
from angarium.platform.loop import run_loop

PACKAGE = str(Path(angarium.__file__).parent) + "/"
FOLDER = Path("trace")
PAUSE = 0.005  # seconds
BACKGROUND = {run_loop.__name__, serve.__name__, "until_stopped"}
"""The coroutines of background tasks."""


class Trace:
    """Collects the files of the package whose functions were called since the last `take`."""

    def __init__(self) -> None:
        self._files: set[str] = set()

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """The function for `sys.setprofile`. A resumed coroutine counts as a call."""
        file = frame.f_code.co_filename
        if event == "call" and file not in self._files and file.startswith(PACKAGE) and not _in_background():
            self._files.add(file)

    def take(self) -> set[str]:
        """Return the files, relative to the package, and start a new collection."""
        files, self._files = self._files, set()
        return {file.removeprefix(PACKAGE) for file in files}

    def follow(self, process: str) -> None:
        """Handle one begin and end after the other, until the process ends."""
        number = 0
        while True:
            _wait_for(FOLDER / f"{number}.begin")
            self.take()
            (FOLDER / f"{number}.{process}.ready").touch()
            _wait_for(FOLDER / f"{number}.end")
            written = FOLDER / f"{number}.{process}.part"
            written.write_text("\n".join(sorted(self.take())), encoding="utf-8")
            written.rename(FOLDER / f"{number}.{process}")
            number += 1


def _in_background() -> bool:
    """Whether the current task is a background loop, or the main task that only waits for the end."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 - unlike `get_running_loop` it does not raise in other threads
    task = asyncio.current_task(loop) if loop is not None else None
    return task is not None and getattr(task.get_coro(), "__name__", "") in BACKGROUND


def _wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(PAUSE)


if __name__ == "__main__":
    trace = Trace()
    threading.Thread(target=trace.follow, args=(sys.argv[-1],), daemon=True).start()
    threading.setprofile(trace.profile)
    sys.setprofile(trace.profile)
    main()
