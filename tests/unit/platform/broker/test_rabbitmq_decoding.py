"""What is read of a message, side by side with what the protocol library reads."""

from datetime import UTC, datetime
from typing import Any

import pamqp.frame
from hypothesis import given
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


def test_a_return_is_told_by_its_beginning() -> None:
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
