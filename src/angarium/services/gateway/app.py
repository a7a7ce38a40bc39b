"""The gateway put together from its parts: app, use cases and background loops."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware

from angarium import __version__
from angarium.directory.port import Contacts, Templates
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.relay import Relay
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.reader import NotificationReader
from angarium.notifications.sweeper import Sweeper
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.port import Broker, Topology
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.http.app import build_app
from angarium.platform.http.client import ServiceClient
from angarium.platform.http.health import Health
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.settings import RateLimit
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.accept import Acceptor, AcceptorParts
from angarium.services.gateway.acceptance import AcceptanceRules
from angarium.services.gateway.audit import AuditLog
from angarium.services.gateway.authentication import build_authenticator
from angarium.services.gateway.declaring import TopologyKeeper
from angarium.services.gateway.gauges import Gauges
from angarium.services.gateway.janitor import Janitor
from angarium.services.gateway.key_ring import KeyRing
from angarium.services.gateway.key_store import KeyStore
from angarium.services.gateway.keys import Keys
from angarium.services.gateway.moves import Moves
from angarium.services.gateway.prior import PriorAcceptances
from angarium.services.gateway.rate_limit import LimitedAuthenticator, RateLimiter
from angarium.services.gateway.replay import Replays
from angarium.services.gateway.routes.dead_letters import DeadLetterRoutes
from angarium.services.gateway.routes.delivery_reports import DeliveryReportRoutes
from angarium.services.gateway.routes.direct import DirectPaths
from angarium.services.gateway.routes.home import HomeRoutes
from angarium.services.gateway.routes.internal import InternalRoutes
from angarium.services.gateway.routes.keys import KeyRoutes
from angarium.services.gateway.routes.notifications import NotificationRoutes
from angarium.services.gateway.routes.proxy import ProxyRoutes
from angarium.services.gateway.routes.sending import BULK_BYTES, BULK_PATH, SendingRoutes

TITLE = "Angarium gateway"
MAILBOX_PATH = "/internal/v1/mailbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What a gateway is made of. Whoever opened a part closes it; the gateway closes none.

    `engine` is the notification database (keys, audit log); `mailbox` the routes of the built-in catcher, if any;
    `rate_limit` holds for keys without one of their own.
    """

    store: NotificationStore
    reader: NotificationReader
    engine: AsyncEngine
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
    logger: Logger
    metrics: Metrics
    clock: Clock
    identifiers: Identifiers
    mailbox: Sequence[APIRouter] = ()
    rate_limit: RateLimit | None = None


class Gateway:
    """The use cases over the parts, the app that serves them, and the loops beside it."""

    def __init__(self, parts: GatewayParts) -> None:
        self.parts = parts
        audit = AuditLog(parts.engine, parts.clock, parts.identifiers)
        keys = KeyStore(parts.engine)
        self.publisher = OutboxPublisher(store=parts.store, broker=parts.broker, logger=parts.logger)
        self.acceptor = Acceptor(_acceptor_parts(parts, self.publisher))
        self.ring = KeyRing(keys, parts.clock, parts.logger)
        self.keys = Keys(store=keys, audit=audit, clock=parts.clock, identifiers=parts.identifiers)
        self.moves = Moves(store=parts.store, clock=parts.clock, logger=parts.logger)
        self.replays = Replays(
            store=parts.store, reader=parts.reader, audit=audit, clock=parts.clock, logger=parts.logger
        )
        authenticator = build_authenticator(
            auth=parts.auth, service_token=parts.service_token, ring=self.ring, tokens=parts.tokens
        )
        limiter = RateLimiter(parts.rate_limit, parts.clock, parts.metrics)
        self.authenticator: Authenticator = LimitedAuthenticator(authenticator, limiter)
        self.app: FastAPI = self._build_app()

    def start(self, background: Background) -> None:
        """Run the loops beside the app: topology, relay, sweeper, janitor, gauges, the use of keys."""
        parts = self.parts
        store, broker, clock, logger = parts.store, parts.broker, parts.clock, parts.logger
        keeper = TopologyKeeper(broker=broker, topology=parts.topology, clock=clock, logger=logger)
        relay = Relay(store=store, broker=broker, publisher=self.publisher, clock=clock)
        count = parts.reader.count_letters
        background.start("topology", keeper.run)
        background.start("relay", relay.run)
        background.start("sweeper", Sweeper(store=store, clock=clock, logger=logger).run)
        background.start(
            "janitor", Janitor(store=store, count_letters=count, broker=broker, clock=clock, logger=logger).run
        )
        background.start(
            "gauges",
            Gauges(store=store, count_letters=count, broker=broker, metrics=parts.metrics, clock=clock).run,
        )
        background.start("keys", self.ring.run)

    async def drain(self) -> None:
        """Finish what was taken in: commits, their publishing, the use of keys. Call once the server has stopped."""
        await self.acceptor.drain()
        await self.replays.close()
        await self.ring.note_use()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        sending = SendingRoutes(self.acceptor).routers()
        app = build_app(
            service="gateway",
            title=TITLE,
            logger=parts.logger,
            metrics=parts.metrics,
            health=_health(parts),
            authenticator=self.authenticator,
            clock=parts.clock,
            identifiers=parts.identifiers,
            body_limits={BULK_PATH: BULK_BYTES, MAILBOX_PATH: BULK_BYTES},
            routers=(*sending, *self._routers()),
        )
        app.user_middleware.append(Middleware(DirectPaths, routers=sending, logger=parts.logger))
        return app

    def _routers(self) -> Sequence[APIRouter]:
        parts = self.parts
        return (
            NotificationRoutes(parts.reader, self.moves).router(),
            DeadLetterRoutes(parts.reader, self.replays).router(),
            KeyRoutes(self.keys, self.ring).router(),
            InternalRoutes(self.ring.caller, parts.tokens).router(),
            DeliveryReportRoutes(self.moves).router(),
            *parts.mailbox,
            ProxyRoutes(users=parts.users_client, templates=parts.templates_client).router(),
            HomeRoutes(mailbox=bool(parts.mailbox)).router(),
        )


def _acceptor_parts(parts: GatewayParts, publisher: OutboxPublisher) -> AcceptorParts:
    return AcceptorParts(
        store=parts.store,
        publisher=publisher,
        contacts=parts.contacts,
        templates=parts.templates,
        find_prior=PriorAcceptances(parts.engine).find,
        clock=parts.clock,
        identifiers=parts.identifiers,
        logger=parts.logger,
        metrics=parts.metrics,
        rules=parts.rules,
    )


def _health(parts: GatewayParts) -> Health:
    """Without the cache the gateway works, only slower: it is shown, and does not make it unready."""
    checks = {"database": parts.store.ready, "broker": parts.broker.ready, "cache": parts.cache.ready}
    return Health("gateway", __version__, checks, optional=frozenset({"cache"}))
