"""Values of an acceptance: the request's origin, the deployment's rules, the result."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from angarium.contracts.errors import Rejected
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.prior import Prior
from angarium.platform.auth.caller import Caller
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.services.gateway.accepting.callback_url import Network
from angarium.services.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class AcceptanceRules:
    """What a deployment allows. `outbox_lease`: how long the gateway may take to publish before the relay does.

    `callbacks`: whether there is a signing secret.
    """

    channels: frozenset[Channel]
    callback_allow: tuple[Network, ...] = ()
    callbacks: bool = True
    outbox_lease: timedelta = timedelta(seconds=10)


def acceptance_rules(settings: GatewaySettings) -> AcceptanceRules:
    """The rules in the settings."""
    callbacks = settings.callback_secret is not None or not settings.production
    enabled = frozenset(channel for channel in Channel if settings.providers(channel))
    return AcceptanceRules(channels=enabled, callback_allow=settings.callback_allow, callbacks=callbacks)


class Origin(msgspec.Struct, frozen=True):
    """The origin of a request."""

    caller: Caller
    correlation_id: str
    traceparent: str | None = None


def origin_of(caller: Caller) -> Origin:
    """The origin of the current request."""
    return Origin(caller, current_correlation_id() or "", current_traceparent())


class Accepted(msgspec.Struct, frozen=True):
    """The durable record. `replayed`: the request was accepted before, and this is its record."""

    notification_id: UUID
    request_id: str
    status: Status
    correlation_id: str
    created_at: datetime
    replayed: bool


Verdict = Accepted | Rejected
"""The result of one request."""


FindPrior = Callable[[str, str, Sequence[str]], Awaitable[Mapping[str, Prior]]]
"""Finds earlier acceptances for (tenant, caller, request_ids), by request_id. Raises StoreUnavailable."""
