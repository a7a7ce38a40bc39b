"""The parts of a gateway."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory.port import Contacts, Templates
from angarium.notifications.providers.reputation import DEFAULT_LIMITS, Limits
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.port import Broker, Topology
from angarium.platform.cache.port import Cache
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.runtime import Runtime
from angarium.platform.settings.showing import Shown
from angarium.services.gateway.accepting.acceptance import AcceptanceRules
from angarium.services.gateway.callbacks.sending import CallbackSender
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.services.gateway.provider_webhooks.use_cases import NO_WEBHOOKS, WebhookRules
from angarium.services.gateway.retention import KEPT_FOR_EVER, Periods


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """The parts of a gateway. The code that opens a part closes it, not the gateway.

    `engine` is the notification database (keys, audit log); `mailbox` has the routes of the built-in mailbox, if any,
    and `caught` its messages. Without a `limiter` only keys with their own limit are limited, counted in this process.
    Without a sender of `callbacks` they are stored and sent by a gateway that has one. `limits` and `never_paused`: the
    rules by which workers pause a sender's marketing. `settings` are shown on a page.
    """

    runtime: Runtime
    store: NotificationStore
    reader: NotificationReader
    engine: AsyncEngine
    providers: ProviderStore
    broker: Broker
    topology: Topology
    cache: Cache
    contacts: Contacts
    templates: Templates
    users_client: ServiceClient
    templates_client: ServiceClient
    tokens: TokenVerifier
    service_token: str | None
    auth: str
    rules: AcceptanceRules
    mailbox: Sequence[APIRouter] = ()
    caught: MailboxStore | None = None
    smtp_port: int | None = None
    limiter: RateLimiter | None = None
    callbacks: CallbackSender | None = None
    fast_paths: bool = True
    periods: Periods = KEPT_FOR_EVER
    webhooks: WebhookRules = NO_WEBHOOKS
    limits: Limits = DEFAULT_LIMITS
    never_paused: frozenset[str] = frozenset()
    settings: Sequence[Shown] = ()
