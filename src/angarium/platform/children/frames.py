"""What a child and its parent say to each other: frames of a kind, a length and a payload."""

import struct
from enum import IntEnum

HEAD = struct.Struct(">BI")
"""The kind, and how many bytes of payload follow."""
MOST_BYTES = 64_000_000
"""Of one payload; a frame that says more is a fault."""


class Kind(IntEnum):
    """What a frame says. A parent sends JOB only; the payload of the others is what a child has to say."""

    JOB = 1
    READY = 2
    """The child has started; no payload."""
    WORKING = 3
    """UTF-8: the field that the child works on from now on."""
    DONE = 4
    """The answer to the job."""
    TOO_SLOW = 5
    TOO_LARGE = 6
    FAILED = 7
    """UTF-8: the type of an exception that nothing in the job explains."""


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """A whole frame. Raises ValueError for a payload above the limit."""
    if len(payload) > MOST_BYTES:
        message = "the payload is too large for a frame"
        raise ValueError(message)
    return HEAD.pack(kind, len(payload)) + payload
