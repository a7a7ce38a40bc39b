"""What a channel takes out of a connection's stream, and what is left for the library, however bytes come in."""

import asyncio
from typing import Any

import pamqp.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from angarium.platform.broker.rabbitmq.decoding import Content, Delivered, FrameReader
from angarium.platform.broker.rabbitmq.deliveries import Deliveries

_MINE, _OTHERS = 3, 4


def _frames(channel: int, *frames: Any) -> bytes:
    return b"".join(pamqp.frame.marshal(frame, channel) for frame in frames)


def _message(tag: int, pieces: list[bytes], channel: int = _MINE) -> bytes:
    header = ContentHeader(
        body_size=sum(map(len, pieces)), properties=spec.Basic.Properties(message_id=str(tag), headers={"n": "v"})
    )
    deliver = spec.Basic.Deliver("c", tag, False, "work", "email")
    return _frames(channel, deliver, header, *map(ContentBody, pieces))


class _Read:
    """A reader with one channel's deliveries taken, fed in pieces."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.reader = FrameReader(self.loop)
        self.arrived: list[tuple[int, str | None, bytes]] = []
        self.deliveries = Deliveries(self._arrive)
        self.reader.give(_MINE, self.deliveries)

    def _arrive(self, delivered: Delivered, content: Content, body: bytes) -> None:
        self.arrived.append((delivered.tag, content.message_id, body))

    def feed(self, data: bytes, size: int) -> bytes:
        """All of it in chunks of `size`, and the end; what the library gets, but for signs of life."""
        for start in range(0, len(data), size):
            self.reader.feed_data(data[start : start + size])
        self.reader.feed_eof()
        left: bytes = self.loop.run_until_complete(self.reader.read())
        self.loop.close()
        return left.replace(Heartbeat().marshal(), b"")


@given(
    bodies=st.lists(st.lists(st.binary(min_size=1, max_size=40), max_size=3), max_size=6),
    size=st.integers(1, 400),
)
def test_messages_are_taken_and_all_else_is_left_in_its_order(bodies: list[list[bytes]], size: int) -> None:
    read, data, left = _Read(), b"", b""
    for tag, pieces in enumerate(bodies, 1):
        other = _frames(_OTHERS, spec.Basic.Ack(tag)) + _frames(_MINE, spec.Basic.QosOk()) + _message(tag, [], _OTHERS)
        data, left = data + _message(tag, pieces) + other, left + other
    assert read.feed(data, size) == left
    assert read.arrived == [(tag, str(tag), b"".join(pieces)) for tag, pieces in enumerate(bodies, 1)]


def test_the_library_sees_that_the_connection_lives() -> None:
    read = _Read()
    read.reader.feed_data(_message(1, [b"body"]))
    assert read.loop.run_until_complete(read.reader.readexactly(8)) == Heartbeat().marshal()
    read.loop.close()


def test_what_a_channel_no_longer_takes_is_the_librarys() -> None:
    read = _Read()
    read.reader.keep(_MINE, read.deliveries)
    assert read.feed(_message(1, [b"body"]), 1000) == _message(1, [b"body"])


def test_a_number_that_another_took_over_stays_with_it() -> None:
    read = _Read()
    read.reader.keep(_MINE, Deliveries(lambda *_: None))
    assert read.feed(_message(1, [b"body"]), 1000) == b""
    assert len(read.arrived) == 1


@pytest.mark.parametrize("garbage", [b"AMQP\x00\x00\x09\x01", b"\x01\x00\x03\x00\x00\x00\x01x?"])
def test_what_is_no_frame_goes_to_the_library_with_all_that_follows(garbage: bytes) -> None:
    read = _Read()
    data = garbage + _message(1, [b"body"])
    assert read.feed(data, len(garbage)) == data
    assert read.arrived == []


def test_half_a_frame_at_the_end_goes_to_the_library() -> None:
    read = _Read()
    assert read.feed(_message(1, [b"body"])[:-3], 1000) == _frames(_MINE, ContentBody(b"body"))[:-3]


def test_a_second_end_of_stream_changes_nothing() -> None:
    read = _Read()
    read.reader.feed_eof()
    assert read.feed(b"", 1) == b""
