"""Reading and decoding the AMQP frames of deliveries and confirms (AMQP 0-9-1 §4.2).

The library reads, decodes and queues each frame, creates a task for each delivery, and decodes fields that are not
used. Here the frames of every notification are taken from the connection's stream before the library sees them, and
only the fields that are used are decoded; a property test checks that both agree. The library still handles all other
frames: opening, closing, heartbeats and replies.

Properties and headers are bytes from the publisher: RabbitMQ checks neither their encoding nor every value. Decoding
never raises, since an error here would end the connection, and the message would be redelivered on the next one.
Invalid UTF-8 is replaced. A value that is truncated or of an unknown type is left out, with all that follow it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from struct import Struct, error
from typing import NamedTuple, Protocol, SupportsIndex, cast

from pamqp.heartbeat import Heartbeat

METHOD_FRAME, HEADER_FRAME, BODY_FRAME = 1, 2, 3
DELIVER, RETURN, ACK, NACK = (bytes((0, 60, 0, method)) for method in (60, 50, 80, 120))
"""The first bytes of a method frame's payload: the class `basic` and the method."""

_TAG = Struct(">QB")  # a delivery tag and the octet after it
_SIZE = Struct(">I")
_CONTENT = Struct(">QH")  # the body's size, then the properties' flags
_CONTENT_AT, _PROPERTIES_AT = 4, 14
_BEFORE_HEADERS, _HEADERS = (1 << 15, 1 << 14), 1 << 13
_OCTETS, _BEFORE_ID, _MESSAGE_ID = (1 << 12, 1 << 11), (1 << 10, 1 << 9, 1 << 8), 1 << 7
# Headers that RabbitMQ adds to dead-lettered messages. If republished, a legitimate second delay would count as a
# cycle.
_BROKER_HEADERS = ("x-death", "x-first-death-", "x-last-death-")
_TEXT = ord("S")
# Octets of each type of a field, as RabbitMQ uses them: https://www.rabbitmq.com/docs/amqp-0-9-1-errata
_FIXED = dict(zip(b"tbBsuIildTfDV", (1, 1, 1, 2, 2, 4, 4, 8, 8, 8, 4, 5, 0), strict=True))
_SIZED = frozenset(b"SxAF")  # their size comes first
_HEAD = Struct(">BHI")  # a frame's type, channel, size
_AROUND = 8  # octets of a frame besides its payload
_FRAME_END = 0xCE
_KINDS = frozenset({METHOD_FRAME, HEADER_FRAME, BODY_FRAME, 8})
# A connection on which the library sees nothing for a few heartbeats counts as dead.
_SIGN_OF_LIFE = Heartbeat().marshal()
_SHOW_LIFE_SECONDS = 1.0


class Delivered(NamedTuple):
    """The method of a delivery."""

    tag: int
    redelivered: bool
    routing_key: str


class Content(NamedTuple):
    """A message's header. `headers`: the publisher's text headers, without the broker's."""

    size: int
    message_id: str | None
    headers: Mapping[str, str]


def delivered(payload: bytes) -> Delivered:
    """Decode the payload of a DELIVER."""
    at = 5 + payload[4]  # after the consumer's tag
    tag, redelivered = _TAG.unpack_from(payload, at)
    at += 9
    at += 1 + payload[at]  # after the exchange
    return Delivered(tag, bool(redelivered), _short(payload, at))


def confirmed(payload: bytes) -> tuple[int, bool]:
    """Decode the payload of an ACK or NACK: the tag, and whether it also applies to all earlier ones."""
    tag, bits = _TAG.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def content(payload: bytes) -> Content:
    """Decode the payload of a header frame. An unreadable `message_id` is None, unreadable `headers` are left out."""
    size, flags = _CONTENT.unpack_from(payload, _CONTENT_AT)
    headers: Mapping[str, str] = {}
    at = _PROPERTIES_AT
    try:
        for flag in _BEFORE_HEADERS:
            if flags & flag:
                at += 1 + payload[at]
        if flags & _HEADERS:
            end = at + 4 + _SIZE.unpack_from(payload, at)[0]
            headers = text_headers(payload[at:end])
            at = end
        for flag in _OCTETS:
            if flags & flag:
                at += 1
        for flag in _BEFORE_ID:
            if flags & flag:
                at += 1 + payload[at]
        return Content(size, _short(payload, at) if flags & _MESSAGE_ID else None, headers)
    except (IndexError, error):
        return Content(size, None, headers)


def text_headers(table: bytes) -> dict[str, str]:
    """The publisher's text headers in an encoded table, without the broker's."""
    texts = {}
    at, end = 4, len(table)
    try:
        while at < end:
            value_at = at + 1 + table[at]
            after = _after(table, value_at)
            if after > end:
                break
            if table[value_at] == _TEXT:
                name = table[at + 1 : value_at].decode("utf-8", "replace")
                if not name.startswith(_BROKER_HEADERS):
                    texts[name] = table[value_at + 5 : after].decode("utf-8", "replace")
            at = after
    except (IndexError, error):
        pass  # the table ends in the middle of a field
    return texts


def _after(table: bytes, at: int) -> int:
    """The end of the value at `at`; beyond the table for an unknown type."""
    kind = table[at]
    if kind in _SIZED:
        return at + 5 + int(_SIZE.unpack_from(table, at + 1)[0])
    return at + 1 + _FIXED.get(kind, len(table))


def _short(payload: bytes, at: int) -> str:
    return payload[at + 1 : at + 1 + payload[at]].decode("utf-8", "replace")


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
