"""The protocol between a child and its parent: frames of a kind, a length and a payload."""

import struct
from enum import IntEnum

HEAD = struct.Struct(">BI")
"""The kind and the length of the payload in bytes."""
MOST_BYTES = 64_000_000
"""Upper bound of a payload in bytes; a longer one is an error."""


class Kind(IntEnum):
    """The kind of a frame. A parent sends JOB, a child sends the others."""

    JOB = 1
    READY = 2
    """The child has started; no payload."""
    WORKING = 3
    """UTF-8: the field that the child processes from now on."""
    DONE = 4
    """The answer to the job."""
    TOO_SLOW = 5
    TOO_LARGE = 6
    FAILED = 7
    """UTF-8: the type of an unexpected exception."""


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """Encode a frame. Raises ValueError for a payload above the limit."""
    if len(payload) > MOST_BYTES:
        message = "the payload is too large for a frame"
        raise ValueError(message)
    return HEAD.pack(kind, len(payload)) + payload
