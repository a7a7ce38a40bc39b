"""API views of providers."""

from angarium.contracts.providers import ProviderView, ReputationView
from angarium.notifications.providers.model import SenderStanding, Standing


def provider_view(standing: Standing) -> ProviderView:
    """A provider with its breaker and reputation. Rates are shares from 0 to 1, None without any sends."""
    configured = standing.configured
    return ProviderView(
        provider_id=configured.provider_id,
        name=configured.name,
        provider=configured.scheme,
        channel=configured.channel,
        position=configured.position,
        breaker=standing.breaker,
        error_rate=round(standing.faults / standing.answers, 4) if standing.answers else None,
        rate=configured.rate,
        weight=configured.weight,
        forced=standing.forced,
        reason=standing.reason,
        changed_at=standing.changed_at,
        opened_at=standing.opened_at,
        workers=standing.workers,
        reputation=_reputation_view(standing.sender),
    )


def _reputation_view(sender: SenderStanding) -> ReputationView:
    totals = sender.totals
    return ReputationView(
        state=sender.state,
        forced=sender.forced,
        reason=sender.reason,
        changed_at=sender.changed_at,
        sends=totals.sends,
        bounces=totals.bounces,
        complaints=totals.complaints,
        bounce_rate=None if totals.bounce_rate is None else round(totals.bounce_rate, 4),
        complaint_rate=None if totals.complaint_rate is None else round(totals.complaint_rate, 6),
    )
