"""Publishes messages with arbitrary property bytes to a real RabbitMQ, as a faulty publisher might."""

from struct import pack

import aiormq
from aiormq.abc import ChannelFrame

PROPERTIES = {
    "a message id that is not UTF-8": pack(">H", 1 << 7) + b"\x03\xff\xfe\x00",
    "a header's name that is not UTF-8": pack(">HI", 1 << 13, 8) + b"\x02\xff\xfeS\x00\x00\x00\x00",
    "a header that is not UTF-8": pack(">HI", 1 << 13, 9) + b"\x01nS\x00\x00\x00\x02\xff\xfe",
    "a time out of range in the headers": pack(">HI", 1 << 13, 11) + b"\x01tT" + b"\x00\x04" + b"\x00" * 6,
    "a time out of range": pack(">H", 1 << 6) + b"\xff" * 8,
    "a nested table that is not UTF-8": pack(">HI", 1 << 13, 15)
    + b"\x01nF\x00\x00\x00\x08\x02\xff\xfeI\x00\x00\x00\x01",
    "an unsigned 16-bit header": pack(">HI", 1 << 13, 5) + b"\x01nu\x00\x01",
    "an unsigned 64-bit header": pack(">HI", 1 << 13, 11) + b"\x01nL" + b"\xff" * 8,
    "flags with a continuation bit": pack(">H", 1),
    "texts that are not UTF-8": pack(">H", 0b1100_0110_1010_1100) + b"\x01\xff" * 8,
}
"""Flags and properties (AMQP 0-9-1 §4.2.6.1) that RabbitMQ accepts."""


def frames(routing_key: bytes, body: bytes, properties: bytes, *, exchange: bytes = b"", number: int = 1) -> bytes:
    """All frames of one publish."""
    method = pack(">HHH", 60, 40, 0) + _short(exchange) + _short(routing_key) + b"\x00"
    header = pack(">HHQ", 60, 0, len(body)) + properties
    pieces = [(1, method), (2, header), *([(3, body)] if body else [])]
    return b"".join(pack(">BHI", kind, number, len(piece)) + piece + b"\xce" for kind, piece in pieces)


async def publish_raw(url: str, *messages: tuple[bytes, bytes, bytes], exchange: bytes = b"") -> None:
    """Publish (routing key, body, properties) tuples. Return once the broker has read all without closing."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel(publisher_confirms=False)
        assert isinstance(channel, aiormq.Channel)
        for key, body, properties in messages:
            payload = frames(key, body, properties, exchange=exchange, number=channel.number)
            await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        # The broker answers this request only after reading everything before it.
        await channel.basic_qos(prefetch_count=1)
    finally:
        await connection.close()


def _short(text: bytes) -> bytes:
    return len(text).to_bytes(1, "big") + text
