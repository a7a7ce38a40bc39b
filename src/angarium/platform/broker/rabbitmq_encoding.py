"""Messages as AMQP frames (AMQP 0-9-1 §2.3.5, §4.2), and as deliveries."""

from datetime import datetime

import pamqp.frame
from aiormq import Channel
from aiormq.abc import DeliveredMessage
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from angarium.platform.broker.port import Outgoing
from angarium.platform.broker.rabbitmq_topology import delay_exchange
from angarium.platform.telemetry.correlation import CORRELATION_HEADER

_PERSISTENT = 2
_CONTENT_TYPE = "application/json"
_SHORT_STRING = 255
# What RabbitMQ adds to a message that it dead-lettered: passed on, it would make a cycle of an honest second wait.
_BROKER_HEADERS = ("x-death", "x-first-death-", "x-last-death-")


class FrameWriter:
    """Encodes messages for one channel; remembers the method frames, of which there are few."""

    def __init__(self, channel: Channel) -> None:
        self._number = channel.number
        self._body_size = channel.max_content_size
        self._methods: dict[tuple[str, str, bool], bytes] = {}

    def encode(self, message: Outgoing, now: datetime) -> bytes:
        """All frames of one publish: method, header, body in as many pieces as it takes. Raises ValueError."""
        header = ContentHeader(properties=_properties(message, now), body_size=len(message.body))
        return self._method(message) + pamqp.frame.marshal(header, self._number) + self._body(message.body)

    def _method(self, message: Outgoing) -> bytes:
        exchange = message.exchange if message.delay is None else delay_exchange(message.delay)
        key = (exchange, message.routing_key, message.mandatory or message.delay is not None)
        frame = self._methods.get(key)
        if frame is None:
            method = spec.Basic.Publish(exchange=exchange, routing_key=message.routing_key, mandatory=key[2])
            frame = self._methods[key] = pamqp.frame.marshal(method, self._number)
        return frame

    def _body(self, body: bytes) -> bytes:
        pieces = (body[start : start + self._body_size] for start in range(0, len(body), self._body_size))
        return b"".join(pamqp.frame.marshal(ContentBody(piece), self._number) for piece in pieces)


def text_headers(message: DeliveredMessage) -> dict[str, str]:
    """The headers that a publisher gave as text, without those of the broker."""
    headers = message.header.properties.headers or {}
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str) and not name.startswith(_BROKER_HEADERS)
    }


def _properties(message: Outgoing, now: datetime) -> spec.Basic.Properties:
    correlation_id = message.headers.get(CORRELATION_HEADER)
    return spec.Basic.Properties(
        content_type=_CONTENT_TYPE,
        delivery_mode=_PERSISTENT,
        message_id=message.message_id,
        correlation_id=correlation_id if correlation_id and len(correlation_id) <= _SHORT_STRING else None,
        headers=dict(message.headers) or None,
        timestamp=now,
    )
