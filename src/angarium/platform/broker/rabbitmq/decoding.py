"""AMQP frames read back (AMQP 0-9-1 §4.2), as far as deliveries and confirms need them.

The library decodes every field of a message, and of a confirm, into objects that nobody looks at. What is used of a
message is read here directly; a property test holds the two together.
"""

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from pamqp.common import FieldValue
from pamqp.decode import field_table

METHOD_FRAME, HEADER_FRAME, BODY_FRAME = 1, 2, 3
DELIVER, RETURN, ACK, NACK = (bytes((0, 60, 0, method)) for method in (60, 50, 80, 120))
"""How the payload of a method's frame begins: the class of messages, and the method."""

_TAG = Struct(">QB")  # a delivery tag and the octet after it
_SIZE = Struct(">I")
_CONTENT = Struct(">QH")  # the body's size, then the properties' flags
_CONTENT_AT, _PROPERTIES_AT = 4, 14
_BEFORE_HEADERS, _HEADERS = (1 << 15, 1 << 14), 1 << 13
_OCTETS, _BEFORE_ID, _MESSAGE_ID = (1 << 12, 1 << 11), (1 << 10, 1 << 9, 1 << 8), 1 << 7
# What RabbitMQ adds to a message that it dead-lettered: passed on, it would make a cycle of an honest second wait.
_BROKER_HEADERS = ("x-death", "x-first-death-", "x-last-death-")
_TEXT = ord("S")


class Delivered(NamedTuple):
    """The method of a delivery."""

    tag: int
    redelivered: bool
    routing_key: str


class Content(NamedTuple):
    """The header of a message. `headers`: those that its publisher gave as text, without the broker's."""

    size: int
    message_id: str | None
    headers: Mapping[str, str]


def delivered(payload: bytes) -> Delivered:
    """The payload of a DELIVER."""
    at = 5 + payload[4]  # after the consumer's tag
    tag, redelivered = _TAG.unpack_from(payload, at)
    at += 9
    at += 1 + payload[at]  # after the exchange
    return Delivered(tag, bool(redelivered), _short(payload, at))


def confirmed(payload: bytes) -> tuple[int, bool]:
    """The payload of an ACK or NACK: the tag, and whether it holds for all before it too."""
    tag, bits = _TAG.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def content(payload: bytes) -> Content:
    """The payload of a header frame."""
    size, flags = _CONTENT.unpack_from(payload, _CONTENT_AT)
    at, headers = _PROPERTIES_AT, {}
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


def text_headers(table: bytes) -> dict[str, str]:
    """The headers that a publisher gave as text, without those of the broker, of an encoded table."""
    headers = _texts(table)
    if headers is None:
        headers = field_table(table)[1]
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str) and not name.startswith(_BROKER_HEADERS)
    }


def _texts(table: bytes) -> Mapping[str, FieldValue] | None:
    """A table of texts; None for one in which there is anything else."""
    texts = {}
    at, end = 4, len(table)
    while at < end:
        value_at = at + 1 + table[at]
        if table[value_at] != _TEXT:
            return None
        after = value_at + 5 + _SIZE.unpack_from(table, value_at + 1)[0]
        try:
            texts[table[at + 1 : value_at].decode()] = table[value_at + 5 : after].decode()
        except UnicodeDecodeError:
            return None
        at = after
    return texts


def _short(payload: bytes, at: int) -> str:
    return payload[at + 1 : at + 1 + payload[at]].decode()
