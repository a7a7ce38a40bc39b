"""Chooses lanes, so that one tenant's backlog does not delay another tenant's few notifications.

While a lane is crowded, a tenant's first messages use the light lane, where no tenant has many. This also applies to
the urgent lane, since callers choose priorities themselves. Decisions are made in memory from recent queue lengths;
under normal load they cost one dictionary look-up.
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
"""Waiting messages from which on a lane is crowded."""
ALLOWANCE = 500
"""Messages that a tenant may send on a channel and still use the light lane."""
SPENT = ALLOWANCE // 2
"""A tenant with less allowance left uses the crowded lane; the refill of a tenant that keeps sending does not reach
this."""
REFILL = 50.0
"""Allowance refilled per second while the light lane is short."""
SHORT = 100
_TENANTS = 10_000


@dataclass(slots=True)
class _Lane:
    """The length of a lane: as last measured, plus messages published since."""

    ordinary: int = 0
    urgent: int = 0
    light: int = 0
    stirred: bool = False


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


class FairLanes(Loop):
    """One per process: counts the process's own publishes and, as a loop, measures the queues."""

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
        """The work messages of notifications, each routed to its lane."""
        now = self._clock.monotonic()
        return [self._message(new, now) for new in created]

    async def once(self) -> bool:
        """Measure the used lanes. Raises Transient, after which the last lengths stay in use."""
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
        """Take one of the tenant's allowance; return whether enough was left.

        Beyond _TENANTS the least recently used allowance is dropped, which is never that of a busy tenant.
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
