"""Messages as AMQP frames (AMQP 0-9-1 §2.3.5, §4.2), and queueing frames on a connection's writer.

Fields that every message has are written directly; the library's general encoder takes five times as long. A property
test checks that both agree.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from struct import Struct

import pamqp.frame
from aiormq import Channel
from aiormq.abc import ChannelFrame
from pamqp import commands as spec
from pamqp.body import ContentBody

from angarium.platform.broker.port import Outgoing, milliseconds
from angarium.platform.telemetry.correlation import CORRELATION_HEADER

_SHORT_STRING = 255
_HEADER_FRAME, _BODY_FRAME, _FRAME_END = 2, 3, b"\xce"
_BASIC = 60  # the class of messages
_FRAME = Struct(">BHI")  # type, channel, size
_CONTENT_HEADER = Struct(">BHIHHQ")  # then class, weight, size of the body
_HEADERS_FLAG, _CORRELATION_FLAG = 1 << 13, 1 << 10
_ALWAYS = 1 << 15 | 1 << 12 | 1 << 7 | 1 << 6  # content type, delivery mode, message id, timestamp
_CONTENT_TYPE = b"\x10application/json"
_PERSISTENT = b"\x02"
# Of a body where the connection has no limit (a `frame-max` of 0, AMQP 0-9-1 §1.4.2.6): RabbitMQ's default.
_UNLIMITED_BODY_SIZE = 131_072 - 8
_SETTLEMENT = Struct(">BHI4sQBB")  # type, channel, size, method, delivery tag, flags, end


class FrameWriter:
    """Encodes messages for one channel. Caches the method frames, of which there are few."""

    def __init__(self, channel: Channel) -> None:
        self._number = channel.number
        self._body_size = channel.max_content_size if channel.max_content_size > 0 else _UNLIMITED_BODY_SIZE
        self._methods: dict[tuple[str, str, bool], bytes] = {}

    def encode(self, message: Outgoing, now: datetime, delay_exchange: str = "") -> bytes:
        """All frames of one publish: method, header and body frames. Raises ValueError.

        `delay_exchange` as of `Topology`, for messages with a delay.
        """
        properties = _property_bytes(message, int(now.timestamp()))
        head = _CONTENT_HEADER.pack(_HEADER_FRAME, self._number, 12 + len(properties), _BASIC, 0, len(message.body))
        return b"".join((self._method(message, delay_exchange), head, properties, _FRAME_END, self._body(message.body)))

    def _method(self, message: Outgoing, delay_exchange: str) -> bytes:
        exchange = message.exchange
        if message.delay is not None:
            exchange = delay_exchange.format(ms=milliseconds(message.delay))
        key = (exchange, message.routing_key, message.mandatory or message.delay is not None)
        frame = self._methods.get(key)
        if frame is None:
            method = spec.Basic.Publish(exchange=exchange, routing_key=message.routing_key, mandatory=key[2])
            frame = self._methods[key] = pamqp.frame.marshal(method, self._number)
        return frame

    def _body(self, body: bytes) -> bytes:
        if 0 < len(body) <= self._body_size:
            return _FRAME.pack(_BODY_FRAME, self._number, len(body)) + body + _FRAME_END
        pieces = (body[start : start + self._body_size] for start in range(0, len(body), self._body_size))
        return b"".join(pamqp.frame.marshal(ContentBody(piece), self._number) for piece in pieces)


def settlement(number: int, method: bytes, tag: int, bits: int) -> bytes:
    """The frame of an acknowledgement or rejection on channel `number`; `bits` are the method's flags."""
    return _SETTLEMENT.pack(1, number, 13, method, tag, bits, 0xCE)


def _property_bytes(message: Outgoing, timestamp: int) -> bytes:
    """Flags and properties in their order (AMQP 0-9-1 §4.2.6.1). Raises ValueError for a text that is too long."""
    correlation_id = message.headers.get(CORRELATION_HEADER, "").encode()
    if len(correlation_id) > _SHORT_STRING:
        correlation_id = b""
    flags = _ALWAYS | (_HEADERS_FLAG if message.headers else 0) | (_CORRELATION_FLAG if correlation_id else 0)
    return b"".join(
        (
            flags.to_bytes(2, "big"),
            _CONTENT_TYPE,
            _table(message.headers) if message.headers else b"",
            _PERSISTENT,
            _short(correlation_id) if correlation_id else b"",
            _short(message.message_id.encode()),
            timestamp.to_bytes(8, "big"),
        )
    )


def _table(headers: Mapping[str, str]) -> bytes:
    entries = b"".join(
        b"".join((_short(name.encode()), b"S", len(text := value.encode()).to_bytes(4, "big"), text))
        for name, value in headers.items()
    )
    return len(entries).to_bytes(4, "big") + entries


def _short(text: bytes) -> bytes:
    if len(text) > _SHORT_STRING:
        raise ValueError("an id or a header's name is longer than 255 bytes")
    return len(text).to_bytes(1, "big") + text


async def either(future: asyncio.Future[None], channel: Channel) -> None:
    """Return once `future` is done or the channel has ended."""
    closing = channel.closing
    try:
        await asyncio.wait((future, closing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not channel.is_closed:  # once it is, this is the channel's own future
            closing.cancel()


async def put(channel: Channel, frame: ChannelFrame, then: Callable[[bool], None]) -> None:
    """Queue `frame` for writing as soon as there is room, unless the channel ends or the call is cancelled first.

    Calls `then` exactly once, before anything else can run, with whether the frame was queued.
    """
    if channel.is_closed:
        then(False)
    elif not channel.write_queue.full():
        channel.write_queue.put_nowait(frame)
        then(True)
    else:
        await _put_later(channel, frame, then)


async def _put_later(channel: Channel, frame: ChannelFrame, then: Callable[[bool], None]) -> None:
    queued = asyncio.ensure_future(channel.write_queue.put(frame))
    try:
        await either(queued, channel)
    finally:
        # A task that can still be cancelled has not queued its frame and will not.
        then(not queued.cancel())
