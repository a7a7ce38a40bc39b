"""What the broker says of the messages published on one channel (https://www.rabbitmq.com/docs/confirms)."""

import asyncio
from collections.abc import Sequence
from itertools import takewhile

from angarium.platform.broker.port import Outgoing
from angarium.platform.broker.rabbitmq.decoding import (
    ACK,
    HEADER_FRAME,
    METHOD_FRAME,
    NACK,
    RETURN,
    confirmed,
    content,
)


class Burst:
    """Messages that are written together, and what became of each. `indices`: their places in `results`."""

    def __init__(self, messages: Sequence[Outgoing], indices: Sequence[int], results: list[bool]) -> None:
        self.messages = messages
        self.returned = False
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._indices = indices
        self._results = results
        self._left = len(messages)

    async def finished(self) -> None:
        """Return once each message is settled, or its channel has ended."""
        await asyncio.shield(self._finished)

    def settle(self, position: int, *, taken: bool) -> None:
        """What became of one message."""
        self._results[self._indices[position]] = taken
        self._left -= 1
        if not self._left:
            self.end()

    def end(self) -> None:
        """Nothing more will be known."""
        if not self._finished.done():
            self._finished.set_result(None)


class Confirms:
    """Counts a channel's delivery tags, and settles the messages behind them. Takes that channel's frames."""

    def __init__(self) -> None:
        self._last_tag = 0
        self._unsettled: dict[int, tuple[Burst, int]] = {}
        self._tags: dict[str, int] = {}

    def in_flight(self, burst: Burst) -> Burst | None:
        """A burst that one of this one's message ids is being published in."""
        for message in burst.messages:
            if message.message_id in self._tags:
                return self._unsettled[self._tags[message.message_id]][0]
        return None

    def expect(self, burst: Burst) -> None:
        """The burst is the next that is written."""
        for position, message in enumerate(burst.messages):
            self._last_tag += 1
            self._unsettled[self._last_tag] = (burst, position)
            self._tags[message.message_id] = self._last_tag

    def take_back(self, burst: Burst) -> None:
        """The burst that was expected last is not written."""
        for message in burst.messages:
            self._unsettled.pop(self._tags.pop(message.message_id, 0), None)
        self._last_tag -= len(burst.messages)
        burst.end()

    def end(self, _: object = None) -> None:
        """The channel has ended."""
        unsettled, self._unsettled, self._tags = self._unsettled, {}, {}
        for burst, _ in unsettled.values():
            burst.end()

    def take(self, kind: int, payload: bytes) -> bool:
        """As a Taker."""
        if kind == HEADER_FRAME:
            self._returned(content(payload).message_id)
        elif kind == METHOD_FRAME:
            return self._method(payload)
        return True

    def _method(self, payload: bytes) -> bool:
        if payload.startswith((ACK, NACK)):
            tag, multiple = confirmed(payload)
            tags = list(takewhile(tag.__ge__, self._unsettled)) if multiple else [tag]
            for each in tags:
                self._settle(each, taken=payload.startswith(ACK))
            return True
        return payload.startswith(RETURN)  # which one it is stands in the header that follows

    def _returned(self, message_id: str | None) -> None:
        """The message found no queue; the confirm that follows means nothing."""
        tag = self._tags.get(message_id or "", 0)
        if tag in self._unsettled:
            self._unsettled[tag][0].returned = True
            self._settle(tag, taken=False)

    def _settle(self, tag: int, *, taken: bool) -> None:
        if tag in self._unsettled:
            burst, position = self._unsettled.pop(tag)
            del self._tags[burst.messages[position].message_id]
            burst.settle(position, taken=taken)
