"""Providers as the API shows them."""

from angarium.contracts.providers import ProviderView
from angarium.notifications.providers.model import Standing


def provider_view(standing: Standing) -> ProviderView:
    """What operators see of a provider."""
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
        workers=standing.workers,
    )
