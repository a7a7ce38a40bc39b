"""Rows of providers as values."""

from typing import Any

from sqlalchemy import Row

from angarium.contracts.providers import BreakerState, SenderState
from angarium.contracts.statuses import Channel
from angarium.notifications.providers.model import Configured, ProviderState, SenderStanding, Standing
from angarium.notifications.providers.reputation import Totals


def state_of(row: Row[Any]) -> ProviderState:
    """A provider as one worker sees it."""
    return ProviderState(
        provider_id=row.provider_id,
        breaker=BreakerState(row.breaker),
        forced=row.forced,
        probe_due=bool(row.probe_due),
        answers=int(row.answers),
        faults=int(row.faults),
        in_a_row=int(row.in_a_row),
        workers=int(row.workers),
        busy=int(row.busy),
        paused=row.sender == SenderState.PAUSED,
    )


def standing_of(row: Row[Any], totals: Totals) -> Standing:
    """A provider as an operator sees it, with the totals of its sends."""
    configured = Configured(
        provider_id=row.provider_id,
        channel=Channel(row.channel),
        name=row.name,
        scheme=row.scheme,
        position=row.position,
        weight=row.weight,
        rate=row.rate,
    )
    return Standing(
        configured=configured,
        breaker=BreakerState(row.breaker),
        forced=row.forced,
        reason=row.reason,
        changed_at=row.changed_at,
        answers=int(row.answers),
        faults=int(row.faults),
        workers=int(row.workers),
        opened_at=None if row.breaker == BreakerState.CLOSED else row.opened_at or row.changed_at,
        probe_at=None if row.forced else row.probe_at,
        sender=SenderStanding(
            state=SenderState(row.sender or SenderState.ACTIVE),
            forced=bool(row.sender_forced),
            reason=row.sender_reason,
            changed_at=row.sender_changed_at,
            totals=totals,
        ),
    )
