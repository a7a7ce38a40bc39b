"""Assembles one channel's deliveries from their frames."""

from collections.abc import Callable

from angarium.platform.broker.rabbitmq.decoding import (
    BODY_FRAME,
    DELIVER,
    HEADER_FRAME,
    Content,
    Delivered,
    content,
    delivered,
)

Arrive = Callable[[Delivered, Content, bytes], None]


class Deliveries:
    """Takes the frames of a consumer's channel and passes each complete message to `arrive`."""

    def __init__(self, arrive: Arrive) -> None:
        self._arrive = arrive
        self._delivered = Delivered(0, redelivered=False, routing_key="")
        self._content = Content(0, None, {})
        self._pieces: list[bytes] = []
        self._left = 0

    def take(self, kind: int, payload: bytes) -> bool:
        """As a Taker."""
        if kind == BODY_FRAME:
            self._body(payload)
        elif kind == HEADER_FRAME:
            self._header(payload)
        elif payload.startswith(DELIVER):
            self._delivered = delivered(payload)
        else:
            return False
        return True

    def _header(self, payload: bytes) -> None:
        self._content = content(payload)
        self._left = self._content.size
        if not self._left:
            self._arrive(self._delivered, self._content, b"")

    def _body(self, piece: bytes) -> None:
        self._left -= len(piece)
        self._pieces.append(piece)
        if not self._left:
            body = b"".join(self._pieces)
            self._pieces = []
            self._arrive(self._delivered, self._content, body)
