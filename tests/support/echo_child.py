"""A child for tests: does what a job says."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from angarium.platform.children.serving import Working, serve


def spin() -> None:
    """Use time without end, in one step."""
    while True:
        time.process_time()


def kill() -> None:
    """End as the kernel ends what it has no memory for."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    """Raise what nothing in the job explains."""
    raise ZeroDivisionError


DEEDS: Mapping[str, Callable[[], object]] = {
    "echo": lambda: None,
    "spin": spin,
    "hang": lambda: time.sleep(60),
    "eat": lambda: bytes(2_000_000_000),
    "abort": os.abort,
    "kill": kill,
    "fail": fail,
    "print": lambda: os.write(1, b"noise") and sys.stdout.write("noise"),
}


def handle(job: bytes, working: Working) -> bytes:
    """The process id and the words behind the first one, which says what to do before."""
    word, _, rest = job.decode().partition(" ")
    working("the.field")
    if word == "environment":
        return " ".join(os.environ).encode()
    if word == "kill-once" and not Path(rest).exists():
        Path(rest).touch()
        kill()
    while word == "step":
        working("the.step")
    DEEDS.get(word, DEEDS["echo"])()
    return f"{os.getpid()} {rest}".encode()


if __name__ == "__main__":
    serve(handle)
