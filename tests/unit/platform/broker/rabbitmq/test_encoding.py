"""What is written to the wire, read back by the protocol library."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pamqp.frame
import pytest
from aiormq import Channel
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from angarium.platform.broker.port import Outgoing
from angarium.platform.broker.rabbitmq.decoding import ACK, NACK
from angarium.platform.broker.rabbitmq.encoding import FrameWriter, settlement

_NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_SIZE = 64
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def _writer() -> FrameWriter:
    return FrameWriter(cast("Channel", SimpleNamespace(number=7, max_content_size=_SIZE)))


def _frames(data: bytes) -> list[Any]:
    frames = []
    while data:
        consumed, channel, frame = pamqp.frame.unmarshal(data)
        assert channel == 7
        frames.append(frame)
        data = data[consumed:]
    return frames


@given(
    key=_NAMES,
    message_id=_NAMES,
    body=st.binary(max_size=5 * _SIZE),
    headers=st.dictionaries(_NAMES, st.text(max_size=300), max_size=4),
    mandatory=st.booleans(),
)
def test_a_message_reads_back_as_it_was(
    key: str, message_id: str, body: bytes, headers: dict[str, str], mandatory: bool
) -> None:
    message = Outgoing("work", key, body, message_id, headers, mandatory=mandatory)
    method, header, *pieces = _frames(_writer().encode(message, _NOW))
    assert isinstance(method, spec.Basic.Publish)
    assert (method.exchange, method.routing_key, method.mandatory) == ("work", key, mandatory)
    assert isinstance(header, ContentHeader)
    assert header.body_size == len(body)
    properties = header.properties
    assert (properties.message_id, properties.delivery_mode, properties.timestamp) == (message_id, 2, _NOW)
    assert (properties.headers or {}) == headers
    assert all(isinstance(piece, ContentBody) and 0 < len(piece.value) <= _SIZE for piece in pieces)
    assert b"".join(piece.value for piece in pieces) == body


def test_the_correlation_is_a_property_too() -> None:
    _, header = _frames(_writer().encode(Outgoing("work", "k", b"", "1", {"x-correlation-id": "c-1"}), _NOW))
    assert header.properties.correlation_id == "c-1"


def test_a_correlation_that_is_too_long_for_a_property_stays_a_header() -> None:
    headers = {"x-correlation-id": "c" * 256}
    _, header = _frames(_writer().encode(Outgoing("work", "k", b"", "1", headers), _NOW))
    assert (header.properties.correlation_id, header.properties.headers) == (None, headers)


def test_a_delayed_message_goes_to_its_delay_and_is_always_mandatory() -> None:
    message = Outgoing("work", "k", b"", "1", delay=timedelta(seconds=1.5), mandatory=False)
    method, _ = _frames(_writer().encode(message, _NOW, "delay.{ms}"))
    assert (method.exchange, method.routing_key, method.mandatory) == ("delay.1500", "k", True)


@given(tag=st.integers(1, 2**63 - 1), multiple=st.booleans(), requeue=st.booleans())
def test_a_settlement_is_the_frame_that_the_library_makes(tag: int, multiple: bool, requeue: bool) -> None:
    ack = pamqp.frame.marshal(spec.Basic.Ack(tag, multiple), 7)
    nack = pamqp.frame.marshal(spec.Basic.Nack(tag, multiple, requeue), 7)
    assert settlement(7, ACK, tag, int(multiple)) == ack
    assert settlement(7, NACK, tag, int(multiple) + 2 * int(requeue)) == nack


@pytest.mark.parametrize("frame_max", [0, 8])
@pytest.mark.fault(64)
def test_a_connection_without_a_limit_of_frames_sends_bodies_whole(frame_max: int) -> None:
    writer = FrameWriter(cast("Channel", SimpleNamespace(number=7, max_content_size=frame_max - 8)))
    body = b"x" * 300_000
    _, header, *pieces = _frames(writer.encode(Outgoing("work", "email", body, "m"), _NOW))
    assert header.body_size == len(body)
    assert b"".join(piece.value for piece in pieces) == body
