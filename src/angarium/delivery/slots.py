"""The bound on what is uncertain: a slot is held from before the claim until the result is committed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from angarium.platform.clock import Clock


class Lane(StrEnum):
    """The lanes of a channel, which share its slots."""

    URGENT = "urgent"
    LIGHT = "light"
    ORDINARY = "ordinary"


WEIGHTS: Mapping[Lane, int] = MappingProxyType({Lane.URGENT: 4, Lane.LIGHT: 2, Lane.ORDINARY: 1})
"""The shares of lanes that want slots at the same time: of 7 slots that come free, urgent work gets 4."""
_FULL_PRICE = 4
_PRICES: Mapping[Lane, int] = MappingProxyType({lane: _FULL_PRICE // weight for lane, weight in WEIGHTS.items()})
"""What a slot costs a lane (the stride): inversely proportional to its weight, and whole."""
_RESERVE_PART = 16
_FEWEST_TO_RESERVE = len(Lane)
_STEPS = 64
"""In how many steps many free slots are shared among lanes; one by one is exact, but takes too long for thousands."""


def reserve_of(total: int) -> int:
    """How many of `total` slots are kept for each lane alone: a sixteenth, at least 1; 0 where there are too few."""
    return max(1, total // _RESERVE_PART) if total >= _FEWEST_TO_RESERVE else 0


class Grant:
    """Slots that a lane got. Whoever has the grant gives them back, once; a part can be split off for another owner.

    A context manager: on exit it gives back what was not split off.
    """

    __slots__ = ("_slots", "count", "lane")

    def __init__(self, slots: "Slots", lane: Lane, count: int) -> None:
        self._slots = slots
        self.lane = lane
        self.count = count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def split(self, count: int) -> "Grant":
        """`count` of these slots, for another owner. Raises ValueError when there are fewer."""
        if count > self.count:
            message = f"{count} of {self.count} slots"
            raise ValueError(message)
        self.count -= count
        return Grant(self._slots, self.lane, count)

    def give_back(self) -> None:
        """Return what is left of the grant; idempotent."""
        count, self.count = self.count, 0
        if count:
            self._slots.free_again(self.lane, count)


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    lane: Lane
    wanted: Callable[[], int]
    granted: asyncio.Future[Grant]
    since: float


class Slots:
    """`total` slots, which the lanes share by stride scheduling (Waldspurger and Weihl, 1995).

    Each slot costs a lane its price; the next one goes to the lane that wants one and has paid the least. So lanes
    that want slots all the time get them in proportion to their weights, and no lane waits for ever. A lane that
    wanted none for a while cannot save up for it: it is at most `reserve + 1` ordinary slots behind the others.

    `reserve` slots are kept for each lane alone. One of them is free, or held by the lane itself, however long the
    sends of the other lanes take.

    Slots are given out in the next turn of the event loop, so that those that come free together go out together.
    """

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.reserve = reserve_of(total)
        self._clock = clock
        self._free = total
        self._held: Counter[Lane] = Counter()
        self._paid: Counter[Lane] = Counter()
        self._level = 0  # what a lane had paid when it got the last slot: the virtual time
        self._credit = (self.reserve + 1) * _PRICES[Lane.ORDINARY]
        self._requests: dict[Lane, _Request] = {}
        self._scheduled = False
        self._moved_at = clock.monotonic()

    @property
    def in_use(self) -> int:
        """How many are held."""
        return self.total - self._free

    def held(self, lane: Lane) -> int:
        """How many `lane` holds."""
        return self._held[lane]

    def free(self, lane: Lane) -> int:
        """How many `lane` could get now, if no other lane wanted any."""
        kept = sum(max(0, self.reserve - self._held[other]) for other in Lane if other is not lane)
        return max(0, self._free - kept)

    async def grant(self, lane: Lane, wanted: Callable[[], int]) -> Grant:
        """At least one slot for `lane`, at most `wanted()`, once there is one.

        `wanted` is asked when slots are given out: until then more work may have come. A lane has one request at a
        time; a second one raises ValueError. Cancelling it takes no slot.
        """
        if lane in self._requests:
            message = f"the {lane} lane waits already"
            raise ValueError(message)
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self._requests[lane] = _Request(lane, wanted, granted, self._clock.monotonic())
        self._paid[lane] = max(self._paid[lane], self._level - self._credit)
        self._schedule()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                granted.result().give_back()
            raise
        finally:
            if not granted.done() or granted.cancelled():
                self._requests.pop(lane, None)

    def free_again(self, lane: Lane, count: int) -> None:
        """`count` slots of `lane` are free. For `Grant` alone."""
        self._free += count
        self._held[lane] -= count
        self._moved_at = self._clock.monotonic()
        self._schedule()

    def waits_in_vain(self) -> float:
        """For how many seconds a lane has waited while no slot came free; 0: none waits."""
        now = self._clock.monotonic()
        waits = (now - max(request.since, self._moved_at) for request in self._requests.values())
        return max(waits, default=0.0)

    def _schedule(self) -> None:
        if self._requests and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._give_out)

    def _give_out(self) -> None:
        """Share what is free among the lanes that want it, in small steps where there is more than one."""
        self._scheduled = False
        open_requests = {lane: request for lane, request in self._requests.items() if not request.granted.done()}
        wanted = {lane: max(1, request.wanted()) for lane, request in open_requests.items()}
        shares: Counter[Lane] = Counter()
        while wanted:
            able = [lane for lane in wanted if self.free(lane) > 0]
            if not able:
                break
            lane = min(able, key=self._paid.__getitem__)
            step = self._free if len(wanted) == 1 else max(1, self._free // _STEPS)
            count = min(wanted[lane], self.free(lane), step)
            self._take(lane, count)
            shares[lane] += count
            wanted[lane] -= count
            if not wanted[lane]:
                del wanted[lane]
        for lane, count in shares.items():
            del self._requests[lane]
            open_requests[lane].granted.set_result(Grant(self, lane, count))

    def _take(self, lane: Lane, count: int) -> None:
        self._paid[lane] += count * _PRICES[lane]
        self._level = max(self._level, self._paid[lane] - _PRICES[lane])
        self._free -= count
        self._held[lane] += count
