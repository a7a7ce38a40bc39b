"""The values that workers and operators exchange about providers."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from angarium.contracts.providers import BreakerState
from angarium.contracts.statuses import Channel

ALIVE = timedelta(seconds=15)
"""A worker that has not reported for so long does not count any more."""
PROBE_LEASE = timedelta(seconds=90)
"""How long a worker has for a probe; then another worker may send one."""


class Configured(msgspec.Struct, frozen=True):
    """A provider as a worker has it configured. `rate`: sends per second, over all workers."""

    provider_id: UUID
    channel: Channel
    name: str
    scheme: str
    position: int
    weight: int | None
    rate: float | None


class Report(msgspec.Struct, frozen=True):
    """What one worker has seen of a provider lately; `busy`: it has something to send through it."""

    provider_id: UUID
    answers: int
    faults: int
    in_a_row: int
    busy: bool


class ProviderState(msgspec.Struct, frozen=True):
    """A provider as all workers see it.

    `answers`, `faults`, `in_a_row`: the sums over the *other* workers that are alive. `workers`: those alive, `busy`:
    those that have something to send, the asking one counted in both. `probe_due`: a probe may be sent now.
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


class Standing(msgspec.Struct, frozen=True):
    """A provider as an operator sees it; the counts are the sums over all workers that are alive."""

    configured: Configured
    breaker: BreakerState
    forced: bool
    reason: str | None
    changed_at: datetime | None
    answers: int
    faults: int
    workers: int
