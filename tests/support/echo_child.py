"""A child process for tests, which does what a job requests."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from angarium.platform.children.serving import Working, serve


def spin() -> None:
    """Run endlessly without yielding."""
    while True:
        time.process_time()


def kill() -> None:
    """End as if the kernel killed the process because memory ran out."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    """Raise an unexpected error."""
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
    """Do what the first word of the job requests. Return the process id and the other words."""
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
