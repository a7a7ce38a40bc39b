"""What the broker says of the messages published on one channel (https://www.rabbitmq.com/docs/confirms)."""

import asyncio
from collections.abc import Sequence
from itertools import takewhile

from angarium.platform.broker.port import Late, Outgoing
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
        self.given_up = False
        self._late: Late | None = None
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._indices = indices
        self._results = results
        self._left = len(messages)

    async def finished(self) -> None:
        """Return once each message is settled, or its channel has ended."""
        await asyncio.shield(self._finished)

    def give_up(self, late: Late | None) -> int:
        """Its publisher waits no longer, and gets late confirms through `late`; how many are not settled."""
        self.given_up, self._late = True, late
        return self._left

    def settle(self, position: int, *, taken: bool) -> None:
        """What became of one message."""
        if not self.given_up:
            self._results[self._indices[position]] = taken
        elif taken and self._late is not None:
            self._late(self._indices[position])
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
        self.overdue = 0
        """Messages that were given up and are not settled."""
        self.late = 0
        """Messages that were settled after they had been given up."""

    def give_up(self, burst: Burst, late: Late | None) -> None:
        """The wait for the burst has ended; it was expected."""
        self.overdue += burst.give_up(late)

    def expects(self, burst: Burst) -> bool:
        """Whether the burst was written and is not settled."""
        return self.in_flight(burst) is burst

    def is_overdue(self, message_id: str) -> bool:
        """Whether a message of this id was given up, and may still be taken."""
        tag = self._tags.get(message_id)
        return tag is not None and self._unsettled[tag][0].given_up

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
        if burst.given_up:
            self.overdue -= len(burst.messages)
        burst.end()

    def end(self, _: object = None) -> None:
        """The channel has ended."""
        unsettled, self._unsettled, self._tags, self.overdue = self._unsettled, {}, {}, 0
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
            self.overdue -= burst.given_up
            self.late += burst.given_up
            burst.settle(position, taken=taken)


class Stall:
    """Measures for how long no overdue message of a channel has been settled.

    A quorum queue whose leader is lost can leave a channel on another node without confirms until it is closed, though
    the queue has a new leader.
    """

    def __init__(self, confirms: Confirms) -> None:
        self._confirms = confirms
        self._late = 0
        self._since: float | None = None

    def seconds(self, now: float, *, blocked: bool) -> float:
        """For how long at `now` (monotonic), from the first look on; 0 while the broker says that it is `blocked`."""
        confirms = self._confirms
        if blocked or not confirms.overdue or confirms.late != self._late:
            self._late, self._since = confirms.late, None
        if blocked or not confirms.overdue:
            return 0.0
        self._since = now if self._since is None else self._since
        return now - self._since
