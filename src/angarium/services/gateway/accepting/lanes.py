"""Which lane a notification travels in, so that one tenant's backlog does not delay another's few.

A tenant's first messages before a crowded lane go by the light lane, where no tenant has many. So it is for the urgent
lane too, as priority is the caller's own choice. Decided in memory, from the lanes' lengths as they were a
moment ago: ordinary load pays a look into a dictionary.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from angarium.contracts.messages import light_key, light_queue, urgent_queue, work_queue
from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel
from angarium.notifications.messages import work_message
from angarium.notifications.model import NewNotification, OutboxMessage
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop

CROWDED = 500
"""Messages waiting in a lane from which on tenants are distinguished."""
ALLOWANCE = 500
"""Messages that a tenant may have sent by a channel and still pass for one that sends few."""
SPENT = ALLOWANCE // 2
"""Who has less left is part of the crowd: what comes back to one that goes on sending does not add up to this."""
REFILL = 50.0
"""Of the allowance that come back in a second, while the light lane itself is short."""
SHORT = 100
_TENANTS = 10_000


@dataclass(slots=True)
class _Lane:
    """How many wait in a channel's lanes: as last measured, and what was published since."""

    ordinary: int = 0
    urgent: int = 0
    light: int = 0
    stirred: bool = False


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


class FairLanes(Loop):
    """One for a process: each counts what it has published itself, and measures what all have: that is its loop."""

    name = "lanes"
    pause = 0.25
    longest_back_off = 1.0

    def __init__(self, broker: Broker, clock: Clock) -> None:
        super().__init__()
        self._broker = broker
        self._clock = clock
        self._lanes = {channel: _Lane() for channel in Channel}
        self._allowances: OrderedDict[tuple[str, Channel, bool], _Allowance] = OrderedDict()

    def messages(self, created: Sequence[NewNotification]) -> list[OutboxMessage]:
        """What brings each to its workers, in the lane that is its due."""
        now = self._clock.monotonic()
        return [self._message(new, now) for new in created]

    async def once(self) -> bool:
        """Measure the lanes in which there was anything. Raises Transient; then they are taken to be as they were."""
        stirred = [channel for channel, lane in self._lanes.items() if lane.stirred]
        if not stirred:
            return False
        stats = await self._broker.stats(
            [name(channel) for channel in stirred for name in (work_queue, urgent_queue, light_queue)]
        )
        for channel, ordinary, urgent, light in zip(stirred, stats[::3], stats[1::3], stats[2::3], strict=True):
            lane = self._lanes[channel]
            lane.ordinary, lane.urgent, lane.light = ordinary.messages, urgent.messages, light.messages
            lane.stirred = bool(lane.ordinary or lane.urgent or lane.light)
        return False

    def _message(self, new: NewNotification, now: float) -> OutboxMessage:
        message = work_message(new)
        lane = self._lanes[new.channel]
        lane.stirred = True
        urgent = new.priority >= URGENT_PRIORITY
        crowded = (lane.urgent if urgent else lane.ordinary) >= CROWDED
        if self._take(new, lane, now, urgent=urgent) and crowded:
            lane.light += 1
            return replace(message, routing_key=light_key(new.channel))
        if urgent:
            lane.urgent += 1
        else:
            lane.ordinary += 1
        return message

    def _take(self, new: NewNotification, lane: _Lane, now: float, *, urgent: bool) -> bool:
        """Whether the tenant had enough left of its allowance; one less is left.

        Beyond _TENANTS the allowance that was used longest ago is forgotten: no tenant of the crowd has that one.
        """
        key = (new.tenant, new.channel, urgent)
        allowance = self._allowances.get(key)
        if allowance is None:
            if len(self._allowances) >= _TENANTS:
                self._allowances.popitem(last=False)
            allowance = self._allowances[key] = _Allowance(ALLOWANCE, now)
        else:
            self._allowances.move_to_end(key)
        if lane.light < SHORT:
            allowance.left = min(ALLOWANCE, allowance.left + (now - allowance.at) * REFILL)
        allowance.at = now
        enough = allowance.left > SPENT
        allowance.left = max(0.0, allowance.left - 1)
        return enough
