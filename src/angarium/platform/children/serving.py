"""The child's side: runs jobs from standard input one at a time, under limits of time and memory."""

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import BinaryIO

from angarium.platform.children.frames import HEAD, Kind, frame

CPU_SECONDS = 2
"""CPU time of one job. The kernel kills a child that exceeds it by more than a second."""
MEMORY_BYTES = 384 * 1024 * 1024
"""Limit of address space, including the interpreter and its libraries."""
KEPT_BYTES = 96 * 1024 * 1024
"""Resident memory above which a child ends after its job, so that memory is returned after a large one."""

Working = Callable[[str], None]
"""Called with the field that is processed next. Raises OutOfTime once the job's time is used up."""
Handle = Callable[[bytes, Working], bytes]
"""Does one job and returns its answer."""


class OutOfTime(BaseException):
    """The job has used up its time. Not an Exception, so that no step of a job swallows it."""


def serve(handle: Handle) -> None:
    """Run jobs until the parent closes the pipe or dies. Call once; it is the process's main function."""
    source, sink = _take_pipes()
    _limit_memory()
    _say(sink, Kind.READY)
    while (job := _read(source)) is not None:
        _limit_time()
        _say(sink, *_outcome(handle, job, sink))
        del job
        if _resident_bytes() > KEPT_BYTES:
            return


def _outcome(handle: Handle, job: bytes, sink: BinaryIO) -> tuple[Kind, bytes]:
    end = time.process_time() + CPU_SECONDS

    def working(field: str) -> None:
        if time.process_time() > end:
            raise OutOfTime
        _say(sink, Kind.WORKING, field.encode())

    try:
        return Kind.DONE, handle(job, working)
    except OutOfTime:
        return Kind.TOO_SLOW, b""
    except MemoryError:
        return Kind.TOO_LARGE, b""
    except Exception as error:  # noqa: BLE001 - the parent raises it again, by its name
        return Kind.FAILED, type(error).__name__.encode()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Reserve standard input and output for frames; output printed by libraries is discarded."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    return source, sink


def _read(source: BinaryIO) -> bytes | None:
    """Read the next job; None if the parent has ended."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    _, length = HEAD.unpack(head)
    job = source.read(length)
    return job if len(job) == length else None


def _say(sink: BinaryIO, kind: Kind, payload: bytes = b"") -> None:
    try:
        sink.write(frame(kind, payload))
        sink.flush()
    except BrokenPipeError:  # the parent has ended
        os._exit(0)


def _limit_memory() -> None:
    """On a system without such a limit (macOS), the time limit also bounds memory."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # If memory runs out anyway, the kernel kills this process and not the service.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123 - no file
        score.write("1000")


def _limit_time() -> None:
    """The kernel counts whole seconds of CPU since the process began."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time()) + CPU_SECONDS, hard))


def _resident_bytes() -> int:
    """0 if the system does not report it (macOS)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as memory:  # noqa: PTH123 - no file
            return int(memory.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
