"""What is read of a message, side by side with what the protocol library reads."""

from datetime import UTC, datetime
from typing import Any

import pamqp.frame
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pamqp import commands as spec
from pamqp.encode import field_table
from pamqp.header import ContentHeader

from angarium.platform.broker.rabbitmq.decoding import (
    ACK,
    DELIVER,
    NACK,
    RETURN,
    confirmed,
    content,
    delivered,
    text_headers,
)
from tests.support.raw_amqp import PROPERTIES

_SHORT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
_TAGS = st.integers(1, 2**63 - 1)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.text(max_size=300),
        st.binary(max_size=20).map(bytearray),
        st.integers(-(2**31), 2**31),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, width=32),
        st.just(datetime(2026, 11, 21, tzinfo=UTC)),
    ),
    lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(_SHORT, children, max_size=3)),
    max_leaves=5,
)
_HEADERS = st.dictionaries(st.one_of(_SHORT, st.just("x-death"), st.just("x-first-death-queue")), _VALUES, max_size=4)


def _payload(frame: Any) -> bytes:
    return pamqp.frame.marshal(frame, 3)[7:-1]


def _texts(headers: dict[str, Any]) -> dict[str, str]:
    broker = ("x-death", "x-first-death-", "x-last-death-")
    return {name: text for name, text in headers.items() if isinstance(text, str) and not name.startswith(broker)}


@given(consumer=_SHORT, tag=_TAGS, redelivered=st.booleans(), exchange=st.text("abc.-_", max_size=60), key=_SHORT)
def test_a_delivery_reads_as_the_library_wrote_it(
    consumer: str, tag: int, redelivered: bool, exchange: str, key: str
) -> None:
    payload = _payload(spec.Basic.Deliver(consumer, tag, redelivered, exchange, key))
    assert payload.startswith(DELIVER)
    assert delivered(payload) == (tag, redelivered, key)


@given(tag=_TAGS, multiple=st.booleans(), requeue=st.booleans())
def test_a_confirm_reads_as_the_library_wrote_it(tag: int, multiple: bool, requeue: bool) -> None:
    ack, nack = _payload(spec.Basic.Ack(tag, multiple)), _payload(spec.Basic.Nack(tag, multiple, requeue))
    assert (ack[:4], confirmed(ack)) == (ACK, (tag, multiple))
    assert (nack[:4], confirmed(nack)) == (NACK, (tag, multiple))


def test_a_return_is_recognised_by_its_first_bytes() -> None:
    assert _payload(spec.Basic.Return(312, "NO_ROUTE", "work", "email")).startswith(RETURN)


@given(
    size=st.integers(0, 2**40),
    texts=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "content_type",
                "content_encoding",
                "correlation_id",
                "reply_to",
                "expiration",
                "message_id",
                "message_type",
                "user_id",
                "app_id",
            ),
            _SHORT,
        ),
    ),
    numbers=st.fixed_dictionaries({}, optional={"delivery_mode": st.sampled_from((1, 2)), "priority": st.just(9)}),
    headers=st.one_of(st.none(), _HEADERS),
)
def test_a_header_says_what_the_library_reads_in_it(
    size: int, texts: dict[str, str], numbers: dict[str, int], headers: dict[str, Any] | None
) -> None:
    properties = spec.Basic.Properties(**texts, **numbers, headers=headers, timestamp=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    payload = _payload(ContentHeader(body_size=size, properties=properties))
    library = ContentHeader()
    library.unmarshal(payload)
    read = library.properties
    assert content(payload) == (size, read.message_id, _texts(dict(read.headers or {})))


@given(headers=_HEADERS)
def test_a_table_says_what_the_library_reads_in_it(headers: dict[str, Any]) -> None:
    table = field_table(headers)
    assert text_headers(table) == _texts(dict(pamqp.decode.field_table(table)[1]))


def test_headers_of_the_broker_and_headers_that_are_no_text_are_left_out() -> None:
    texts = {"x-correlation-id": "c", "x-death": "no", "x-first-death-queue": "q", "x-mine": "y"}
    assert text_headers(field_table(dict(texts))) == {"x-correlation-id": "c", "x-mine": "y"}
    assert text_headers(field_table({**texts, "x-delivery-count": 3})) == {"x-correlation-id": "c", "x-mine": "y"}


_FLAGS = st.integers(0, 2**16 - 1).map(lambda flags: flags.to_bytes(2, "big"))


@given(size=st.integers(0, 2**40), flags=_FLAGS, properties=st.binary(max_size=80))
@example(size=2, flags=b"\x00\x80", properties=b"\x02\xff\xfe")
@example(size=2, flags=b"\x20\x00", properties=b"\x00\x00\x00\x0b\x01tT\x00\x04\x00\x00\x00\x00\x00\x00")
@example(size=2, flags=b"\x20\x00", properties=b"\xff\xff\xff\xff\x01")
def test_a_header_with_any_properties_is_read_without_an_error(size: int, flags: bytes, properties: bytes) -> None:
    read = content(b"\x00\x3c\x00\x00" + size.to_bytes(8, "big") + flags + properties)
    assert read.size == size
    assert all(text.encode() is not None for text in (*read.headers, *read.headers.values(), read.message_id or ""))


@given(name=st.binary(max_size=9), kind=st.binary(min_size=1, max_size=1), value=st.binary(max_size=30))
def test_a_table_of_any_bytes_keeps_what_stands_before_them(name: bytes, kind: bytes, value: bytes) -> None:
    entries = b"\x04mineS\x00\x00\x00\x03yes" + len(name).to_bytes(1, "big") + name + kind + value
    assume(name != b"mine")
    assert text_headers(len(entries).to_bytes(4, "big") + entries)["mine"] == "yes"


@given(headers=_HEADERS, cut=st.integers(0, 200))
def test_a_table_that_is_cut_off_is_read_as_far_as_it_goes(headers: dict[str, Any], cut: int) -> None:
    table = field_table(headers)
    assert text_headers(table[:cut]).items() <= text_headers(table).items()


@pytest.mark.parametrize("properties", PROPERTIES.values(), ids=PROPERTIES.keys())
def test_the_headers_that_can_be_read_are(properties: bytes) -> None:
    read = content(b"\x00\x3c\x00\x00" + (9).to_bytes(8, "big") + properties)
    assert read.size == 9
    assert "\ufffd" in f"{read.message_id}{read.headers}" or not read.headers


def test_a_routing_key_that_is_not_utf_8_is_replaced() -> None:
    assert (
        delivered(DELIVER + b"\x01c" + (7).to_bytes(8, "big") + b"\x00\x00\x02\xff\xfe").routing_key == "\ufffd\ufffd"
    )
