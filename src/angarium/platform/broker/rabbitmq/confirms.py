"""Publisher confirms of one channel (https://www.rabbitmq.com/docs/confirms)."""

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
    """Messages written together and their results. `indices`: their positions in `results`."""

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
        """Return once each message is settled or its channel is closed."""
        await asyncio.shield(self._finished)

    def give_up(self, late: Late | None) -> int:
        """Stop waiting; later confirms go to `late`. Returns the number of unsettled messages."""
        self.given_up, self._late = True, late
        return self._left

    def settle(self, position: int, *, taken: bool) -> None:
        """Set the result of one message."""
        if not self.given_up:
            self._results[self._indices[position]] = taken
        elif taken and self._late is not None:
            self._late(self._indices[position])
        self._left -= 1
        if not self._left:
            self.end()

    def end(self) -> None:
        """End the burst: no more confirms will arrive."""
        if not self._finished.done():
            self._finished.set_result(None)


class Confirms:
    """Matches a channel's confirms to its messages by delivery tag. Takes that channel's frames."""

    def __init__(self) -> None:
        self._last_tag = 0
        self._unsettled: dict[int, tuple[Burst, int]] = {}
        self._tags: dict[str, int] = {}
        self.overdue = 0
        """Messages that timed out and are not settled."""
        self.late = 0
        """Messages that were settled after they timed out."""

    def give_up(self, burst: Burst, late: Late | None) -> None:
        """Stop waiting for a written burst."""
        self.overdue += burst.give_up(late)

    def expects(self, burst: Burst) -> bool:
        """Whether the burst was written and is not settled."""
        return self.in_flight(burst) is burst

    def is_overdue(self, message_id: str) -> bool:
        """Whether a message with this id timed out and may still be confirmed."""
        tag = self._tags.get(message_id)
        return tag is not None and self._unsettled[tag][0].given_up

    def in_flight(self, burst: Burst) -> Burst | None:
        """The unsettled burst that contains one of this burst's message ids; it may be this burst."""
        for message in burst.messages:
            if message.message_id in self._tags:
                return self._unsettled[self._tags[message.message_id]][0]
        return None

    def expect(self, burst: Burst) -> None:
        """Register the burst that is written next."""
        for position, message in enumerate(burst.messages):
            self._last_tag += 1
            self._unsettled[self._last_tag] = (burst, position)
            self._tags[message.message_id] = self._last_tag

    def take_back(self, burst: Burst) -> None:
        """Unregister the last expected burst, which was not written."""
        for message in burst.messages:
            self._unsettled.pop(self._tags.pop(message.message_id, 0), None)
        self._last_tag -= len(burst.messages)
        if burst.given_up:
            self.overdue -= len(burst.messages)
        burst.end()

    def end(self, _: object = None) -> None:
        """End all bursts, since the channel is closed."""
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
        return payload.startswith(RETURN)  # the header that follows identifies it

    def _returned(self, message_id: str | None) -> None:
        """Handle a return: the message was routed to no queue, so the confirm that follows does not count."""
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
    """Measures how long no overdue message of a channel has been settled.

    After a quorum queue loses its leader, a channel on another node can stay without confirms until it is closed, even
    once there is a new leader.
    """

    def __init__(self, confirms: Confirms) -> None:
        self._confirms = confirms
        self._late = 0
        self._since: float | None = None

    def seconds(self, now: float, *, blocked: bool) -> float:
        """Seconds at `now` (monotonic) since the first check; 0 while the broker has `blocked` the connection."""
        confirms = self._confirms
        if blocked or not confirms.overdue or confirms.late != self._late:
            self._late, self._since = confirms.late, None
        if blocked or not confirms.overdue:
            return 0.0
        self._since = now if self._since is None else self._since
        return now - self._since
