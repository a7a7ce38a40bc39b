"""What a connection is sent: channels may take their messages and confirms out of it as they arrive.

The library reads, decodes and queues each frame, and makes a task for each delivery. Here the frames that come with
every notification are taken where bytes come in, before the library; all others are its own, and with them opening,
closing, heartbeats and answers.
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
        """Whether it took the frame; the library gets those that it leaves."""
        ...


class FrameReader(asyncio.StreamReader):
    """The library's stream, without the frames that a channel's Taker takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._monotonic = loop.time
        self._takers: dict[int, Taker] = {}
        self._held = b""
        self._life_shown = 0.0

    def give(self, number: int, taker: Taker) -> None:
        """From now on `taker` is offered the frames of channel `number`."""
        self._takers[number] = taker

    def keep(self, number: int, taker: Taker) -> None:
        """No longer; another taker that has the number by now is left alone."""
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
                self._takers.clear()  # not AMQP: the library's to complain about
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
