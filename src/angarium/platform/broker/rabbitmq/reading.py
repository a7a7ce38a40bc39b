"""A connection's reader, from which channels can take their deliveries and confirms as they arrive.

The library reads, decodes and queues each frame, and creates a task for each delivery. Here the frames of every
notification are taken from the stream before the library sees them. The library still handles all others: opening,
closing, heartbeats and replies.
"""

import asyncio
from collections.abc import Iterable
from struct import Struct
from typing import Protocol, SupportsIndex, cast

from pamqp.heartbeat import Heartbeat

from angarium.platform.broker.rabbitmq.decoding import BODY_FRAME, HEADER_FRAME, METHOD_FRAME

_HEAD = Struct(">BHI")  # a frame's type, channel, size
_AROUND = 8  # octets of a frame besides its payload
_FRAME_END = 0xCE
_KINDS = frozenset({METHOD_FRAME, HEADER_FRAME, BODY_FRAME, 8})
# A connection on which the library sees nothing for a few heartbeats counts as dead.
_SIGN_OF_LIFE = Heartbeat().marshal()
_SHOW_LIFE_SECONDS = 1.0


class Taker(Protocol):
    """Takes frames of one channel."""

    def take(self, kind: int, payload: bytes) -> bool:
        """Whether it took the frame; other frames go to the library."""
        ...


class FrameReader(asyncio.StreamReader):
    """The library's stream without the frames that Takers take."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._monotonic = loop.time
        self._takers: dict[int, Taker] = {}
        self._held = b""
        self._life_shown = 0.0

    def give(self, number: int, taker: Taker) -> None:
        """Offer the frames of channel `number` to `taker` from now on."""
        self._takers[number] = taker

    def keep(self, number: int, taker: Taker) -> None:
        """Stop offering frames to `taker`, unless the number already has another one."""
        if self._takers.get(number) is taker:
            del self._takers[number]

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        received = self._held + cast("bytes", data)
        passed = at = 0
        while len(received) - at >= _HEAD.size:
            kind, number, size = _HEAD.unpack_from(received, at)
            after = at + size + _AROUND
            if after > len(received) and kind in _KINDS:
                break
            if kind not in _KINDS or received[after - 1] != _FRAME_END:
                self._takers.clear()  # not AMQP: the library reports it
                at = len(received)
                break
            taker = self._takers.get(number)
            if taker is not None and taker.take(kind, received[at + _HEAD.size : after - 1]):
                self._pass_on(received[passed:at])
                passed = after
            at = after
        self._held = received[at:]
        self._pass_on(received[passed:at])
        if passed:
            self._show_life()

    def feed_eof(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._pass_on(held)
        super().feed_eof()

    def _pass_on(self, data: bytes) -> None:
        super().feed_data(data)

    def _show_life(self) -> None:
        now = self._monotonic()
        if now - self._life_shown >= _SHOW_LIFE_SECONDS:
            self._life_shown = now
            self._pass_on(_SIGN_OF_LIFE)
