"""Value types of the providers' shared state."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from angarium.contracts.providers import BreakerState, SenderState
from angarium.contracts.statuses import Channel
from angarium.notifications.providers.reputation import NOTHING, Totals

ALIVE = timedelta(seconds=15)
"""A worker without a report for this long no longer counts."""
PROBE_LEASE = timedelta(seconds=90)
"""Time limit of a worker's probe, after which another worker may send one."""
REFUSED = "refused us: "
"""The prefix of a breaker's reason if the provider refuses our credentials, sender or account."""


class Configured(msgspec.Struct, frozen=True):
    """A provider as configured in a worker. `rate`: sends per second, over all workers."""

    provider_id: UUID
    channel: Channel
    name: str
    scheme: str
    position: int
    weight: int | None
    rate: float | None


class Report(msgspec.Struct, frozen=True):
    """One worker's recent counts of a provider; `busy`: it has messages to send through it."""

    provider_id: UUID
    answers: int
    faults: int
    in_a_row: int
    busy: bool


class ProviderState(msgspec.Struct, frozen=True):
    """The shared state of a provider.

    `answers`, `faults`, `in_a_row`: the sums over the *other* live workers. `workers`: the live ones, `busy`: those
    with messages to send, both including the calling one. `probe_due`: a probe may be sent now. `paused`: marketing is
    not sent through it.
    """

    provider_id: UUID
    breaker: BreakerState
    forced: bool
    probe_due: bool
    answers: int
    faults: int
    in_a_row: int
    workers: int
    busy: int
    paused: bool = False


class SenderStanding(msgspec.Struct, frozen=True):
    """Whether marketing is sent through a provider, with the decision's author, reason and time, and its figures."""

    state: SenderState = SenderState.ACTIVE
    forced: bool = False
    reason: str | None = None
    changed_at: datetime | None = None
    totals: Totals = NOTHING

    @property
    def paused(self) -> bool:
        """Whether marketing waits."""
        return self.state is SenderState.PAUSED


class Standing(msgspec.Struct, frozen=True):
    """A provider's state for operators; the counts are sums over all live workers.

    `opened_at`: since when the breaker has not been closed, including probes. `probe_at`: the earliest time of the next
    probe; None: the breaker is closed or forced.
    """

    configured: Configured
    breaker: BreakerState
    forced: bool
    reason: str | None
    changed_at: datetime | None
    answers: int
    faults: int
    workers: int
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    sender: SenderStanding = SenderStanding()

    @property
    def refusal(self) -> str | None:
        """The provider's answer if it refuses our credentials, sender or account; None otherwise."""
        reason = self.reason or ""
        if self.breaker is BreakerState.CLOSED or not reason.startswith(REFUSED):
            return None
        return reason.removeprefix(REFUSED)
