"""Slots bound the number of uncertain sends: a slot is held from before the claim until the result is committed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from angarium.platform.clock import Clock


class Lane(StrEnum):
    """A channel's lanes, which share its slots."""

    URGENT = "urgent"
    LIGHT = "light"
    ORDINARY = "ordinary"


WEIGHTS: Mapping[Lane, int] = MappingProxyType({Lane.URGENT: 4, Lane.LIGHT: 2, Lane.ORDINARY: 1})
"""Shares of lanes that want slots at the same time: of 7 free slots, urgent work gets 4."""
_FULL_PRICE = 4
"""The price of a slot for a lane of weight 1; it is inversely proportional to the weight (the stride)."""
_RESERVE_PART = 16
_FEWEST_TO_RESERVE = len(Lane)
_STEPS = 64
"""Number of steps in which free slots are shared among lanes; one by one would be exact but too slow for thousands."""


def reserve_of(total: int) -> int:
    """Slots of `total` reserved for each lane: a sixteenth, at least 1; 0 if there are too few."""
    return max(1, total // _RESERVE_PART) if total >= _FEWEST_TO_RESERVE else 0


class _Share:
    """A lane's state: the slots that it holds, what it has paid, and its open request."""

    __slots__ = ("held", "lane", "paid", "price", "request")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.price = _FULL_PRICE // WEIGHTS[lane]
        self.held = 0
        self.paid = 0
        self.request: _Request | None = None


class Grant:
    """Slots granted to a lane. The grant's holder releases them once; a part can be split off for another owner.

    A context manager that on exit releases what was not split off.
    """

    __slots__ = ("_share", "_slots", "count")

    def __init__(self, slots: "Slots", share: _Share, count: int) -> None:
        self._slots = slots
        self._share = share
        self.count = count

    @property
    def lane(self) -> Lane:
        """The lane that the slots belong to."""
        return self._share.lane

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def split(self, count: int) -> "Grant":
        """Split off `count` slots for another owner. Raises ValueError if there are fewer."""
        if count > self.count:
            message = f"{count} of {self.count} slots"
            raise ValueError(message)
        self.count -= count
        return Grant(self._slots, self._share, count)

    def give_back(self) -> None:
        """Release the rest of the grant. Idempotent."""
        count, self.count = self.count, 0
        if count:
            self._share.held -= count
            self._slots.free_again(count)


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    wanted: Callable[[], int]
    granted: asyncio.Future[Grant]
    since: float


class Slots:
    """`total` slots, shared by the lanes with stride scheduling (Waldspurger and Weihl, 1995).

    Each slot costs a lane its price, and the next one goes to the requesting lane that has paid the least. So lanes
    with constant demand get slots in proportion to their weights, and no lane starves. An idle lane accumulates no
    credit beyond `reserve + 1` ordinary slots.

    `reserve` slots are kept for each lane. They are free or held by that lane, however long the sends of other lanes
    take.

    Slots are granted in the next iteration of the event loop, so that slots released together are granted together.
    """

    def __init__(self, total: int, clock: Clock) -> None:
        self.total = total
        self.reserve = reserve_of(total)
        self._clock = clock
        self._free = total
        self._shares = {lane: _Share(lane) for lane in Lane}
        self._level = 0  # what a lane had paid when it got the last slot: the virtual time
        self._credit = (self.reserve + 1) * self._shares[Lane.ORDINARY].price
        self._scheduled = False
        self._freed = False
        self._moved_at = clock.monotonic()

    @property
    def in_use(self) -> int:
        """Number of slots held."""
        return self.total - self._free

    def held(self, lane: Lane) -> int:
        """Number of slots that `lane` holds."""
        return self._shares[lane].held

    def free(self, lane: Lane) -> int:
        """Number of slots that `lane` could get now if no other lane wanted any."""
        return self._free_for(self._shares[lane])

    async def grant(self, lane: Lane, wanted: Callable[[], int]) -> Grant:
        """Wait for at least one slot for `lane`, and take at most `wanted()`.

        `wanted` is called when slots are granted, since more work may have arrived by then. A lane has one request at a
        time; a second one raises ValueError. A cancelled request takes no slot.
        """
        share = self._shares[lane]
        if share.request is not None:
            message = f"the {lane} lane waits already"
            raise ValueError(message)
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        share.request = _Request(wanted, granted, self._clock.monotonic())
        share.paid = max(share.paid, self._level - self._credit)
        self._schedule()
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                share.request = None
            else:
                granted.result().give_back()
            raise

    def free_again(self, count: int) -> None:
        """Release `count` slots. Called by `Grant` only."""
        self._free += count
        self._freed = True
        if not self._scheduled:
            self._schedule()

    def waits_in_vain(self) -> float:
        """Seconds that a lane has waited without any slot becoming free; 0 if none waits."""
        now = self._clock.monotonic()
        requests = [share.request for share in self._shares.values() if share.request is not None]
        return max((now - max(request.since, self._moved_at) for request in requests), default=0.0)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._give_out)

    def _give_out(self) -> None:
        """Share the free slots among the requesting lanes, in small steps if there are several."""
        self._scheduled = False
        if self._freed:
            self._freed, self._moved_at = False, self._clock.monotonic()
        wanted: dict[_Share, int] = {}
        for share in self._shares.values():
            if (request := share.request) is not None and not request.granted.done():
                wanted[share] = max(1, request.wanted())
        shares: Counter[_Share] = Counter()
        while able := [share for share in wanted if self._free_for(share) > 0]:
            share = min(able, key=_paid)
            step = self._free if len(wanted) == 1 else max(1, self._free // _STEPS)
            count = min(wanted[share], self._free_for(share), step)
            self._take(share, count)
            shares[share] += count
            wanted[share] -= count
            if not wanted[share]:
                del wanted[share]
        for share, count in shares.items():
            request, share.request = share.request, None
            if request is not None:
                request.granted.set_result(Grant(self, share, count))

    def _free_for(self, share: _Share) -> int:
        kept = 0
        for other in self._shares.values():
            if other is not share and other.held < self.reserve:
                kept += self.reserve - other.held
        return max(0, self._free - kept)

    def _take(self, share: _Share, count: int) -> None:
        self._free -= count
        share.held += count
        share.paid += count * share.price
        self._level = max(self._level, share.paid - share.price)


def _paid(share: _Share) -> int:
    return share.paid
