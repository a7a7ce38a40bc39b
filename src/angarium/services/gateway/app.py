"""The gateway put together from its parts: app, use cases and background loops."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium import __version__
from angarium.directory.port import Contacts, Templates
from angarium.notifications.erasing import Erasing
from angarium.notifications.erasure import Erasure
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.relay import Relay
from angarium.notifications.retention import Elsewhere, Retention
from angarium.notifications.store.held_reports import HeldReports
from angarium.notifications.store.port import MOST_COUNTED, NotificationStore
from angarium.notifications.store.reader import NotificationReader
from angarium.notifications.store.waiting import WaitingWork
from angarium.notifications.sweeper import Sweeper
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.own_tokens import BearerTokens, OwnTokens
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.port import Broker, Topology
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.app import build_app
from angarium.platform.http.frame.health import Health, answers
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.accepting.acceptance import AcceptanceRules
from angarium.services.gateway.accepting.lanes import FairLanes
from angarium.services.gateway.accepting.routes import BULK_BYTES, BULK_PATH, SendingRoutes
from angarium.services.gateway.accepting.store import PriorAcceptances
from angarium.services.gateway.accepting.use_cases import Acceptor, AcceptorParts
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.routes import AuditRoutes
from angarium.services.gateway.audit.store import AuditReader
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.gateway.b2b.routes import B2bRoutes
from angarium.services.gateway.callbacks.dispatcher import CallbackDispatcher
from angarium.services.gateway.callbacks.routes import CallbackRoutes
from angarium.services.gateway.callbacks.sending import CallbackSender
from angarium.services.gateway.callbacks.store import CallbackStore
from angarium.services.gateway.callers.authentication import build_authenticator
from angarium.services.gateway.callers.routes import InternalRoutes
from angarium.services.gateway.contact_versions.routes import contact_versions_router
from angarium.services.gateway.dead_letters.janitor import Janitor
from angarium.services.gateway.dead_letters.routes import DeadLetterRoutes
from angarium.services.gateway.dead_letters.use_cases import Replays
from angarium.services.gateway.declaring import TopologyKeeper
from angarium.services.gateway.delivery_reports.routes import DeliveryReportRoutes
from angarium.services.gateway.delivery_reports.use_cases import Receipts
from angarium.services.gateway.documents.routes import DOCUMENTS, DocumentRoutes
from angarium.services.gateway.erasures.routes import ErasureRoutes
from angarium.services.gateway.gauges import Gauges
from angarium.services.gateway.home.routes import HomeRoutes
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.routes import KeyRoutes
from angarium.services.gateway.keys.store import KeyStore
from angarium.services.gateway.keys.use_cases import Keys
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.providers.routes import ProviderRoutes
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.preference_pages.routes import FORM_PATHS, PreferencePages
from angarium.services.gateway.reading.routes import NotificationRoutes
from angarium.services.gateway.retention import KEPT_FOR_EVER, Periods, RetentionKeeper
from angarium.services.gateway.tenants.routes import TenantRoutes
from angarium.services.gateway.tenants.use_cases import Tenants
from angarium.services.gateway.tokens.routes import TokenRoutes
from angarium.services.gateway.tokens.use_cases import Logins
from angarium.services.gateway.upstream.routes import ProxyRoutes

TITLE = "Angarium gateway"
MAILBOX_PATH = "/internal/v1/mailbox/messages"
USERS_IMPORT_PATH = "/api/v1/users/import"
"""Files of users; the users service reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What a gateway is made of. Whoever opened a part closes it; the gateway closes none.

    `engine` is the notification database (keys, audit log); `mailbox` the routes of the built-in catcher, if any, and
    `caught` what it holds.
    Without a `limiter` keys have only limits of their own, counted in this process.
    Without a sender of `callbacks` they are kept, and sent by a gateway that has one.
    """

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
    logger: Logger
    metrics: Metrics
    clock: Clock
    identifiers: Identifiers
    mailbox: Sequence[APIRouter] = ()
    caught: MailboxStore | None = None
    smtp_port: int | None = None
    limiter: RateLimiter | None = None
    callbacks: CallbackSender | None = None
    fast_paths: bool = True
    periods: Periods = KEPT_FOR_EVER


class Gateway:
    """The use cases over the parts, the app that serves them, and the loops beside it."""

    def __init__(self, parts: GatewayParts) -> None:
        self.parts = parts
        self.audit = audit = AuditLog(parts.engine, parts.clock, parts.identifiers, parts.logger)
        keys = KeyStore(parts.engine)
        self.publisher = OutboxPublisher(store=parts.store, broker=parts.broker, logger=parts.logger)
        self.lanes = FairLanes(parts.broker, parts.clock)
        self.acceptor = Acceptor(_acceptor_parts(parts, self.publisher, self.lanes))
        self.ring = KeyRing(keys, parts.clock, parts.logger)
        self.keys = Keys(store=keys, audit=audit, clock=parts.clock, identifiers=parts.identifiers)
        self.tenants = Tenants(engine=parts.engine, audit=audit, clock=parts.clock, identifiers=parts.identifiers)
        self.moves = Moves(store=parts.store, clock=parts.clock, logger=parts.logger)
        self.receipts = Receipts(
            store=parts.store, held=HeldReports(parts.engine), clock=parts.clock, logger=parts.logger
        )
        self.replays = Replays(
            store=parts.store, reader=parts.reader, audit=audit, clock=parts.clock, logger=parts.logger
        )
        self.callbacks = CallbackStore(parts.engine, parts.clock, parts.identifiers)
        self.dispatcher = _dispatcher(parts, self.callbacks)
        self.retention = _retention(parts)
        self.erasing = _erasing(parts)
        self.plain_texts = PlainTexts(parts.clock)
        self.own_tokens = OwnTokens(parts.service_token, parts.clock)
        self.tokens = BearerTokens(self.own_tokens, parts.tokens)
        self.authenticator: Authenticator = build_authenticator(
            auth=parts.auth, service_token=parts.service_token, ring=self.ring, tokens=self.tokens
        )
        self.limiter = parts.limiter or RateLimiter(None, shared=None, clock=parts.clock, metrics=parts.metrics)
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
            Gauges(
                store=store,
                count_letters=partial(count, at_most=MOST_COUNTED),
                oldest_work=WaitingWork(parts.engine).oldest,
                broker=broker,
                metrics=parts.metrics,
                clock=clock,
            ).run,
        )
        background.start("lanes", self.lanes.run)
        background.start("receipts", self.receipts.run)
        background.start("erasures", self.erasing.run)
        background.start("keys", self.ring.run)
        background.start("audit", self.audit.run)
        if self.dispatcher is not None:
            background.start("callbacks", self.dispatcher.run)
        if parts.periods:
            background.start("retention", self.retention.run)

    async def drain(self) -> None:
        """Finish what was taken in: commits, their publishing, the use of keys. Call once the server has stopped."""
        await self.plain_texts.close()
        await self.acceptor.drain()
        await self.replays.close()
        if self.dispatcher is not None:
            await self.dispatcher.drain()
        await self.ring.note_use()

    def _build_app(self) -> FastAPI:
        parts = self.parts
        sending = SendingRoutes(self.acceptor, fast_paths=parts.fast_paths).routers()
        self.health = health = _health(parts)
        return build_app(
            service="gateway",
            title=TITLE,
            logger=parts.logger,
            metrics=parts.metrics,
            health=health,
            authenticator=self.authenticator,
            limiter=self.limiter,
            clock=parts.clock,
            identifiers=parts.identifiers,
            body_limits={BULK_PATH: BULK_BYTES, MAILBOX_PATH: BULK_BYTES, USERS_IMPORT_PATH: BULK_BYTES},
            raw_bodies=(*FORM_PATHS, USERS_IMPORT_PATH),
            routers=(*sending, *self._routers()),
            more_documents=DOCUMENTS,
            fast_paths=parts.fast_paths,
        )

    def _routers(self) -> Sequence[APIRouter]:
        parts = self.parts
        return (
            NotificationRoutes(parts.reader, self.moves, self.audit).router(),
            DeadLetterRoutes(parts.reader, self.replays).router(),
            KeyRoutes(self.keys, self.ring).router(),
            TenantRoutes(self.tenants).router(),
            TokenRoutes(self.own_tokens, Logins(parts.users_client)).router(),
            AuditRoutes(AuditReader(parts.engine), self.audit).router(),
            InternalRoutes(self.ring.caller, self.tokens).router(),
            ErasureRoutes(self.erasing, parts.logger).router(),
            contact_versions_router(parts.store),
            PreferencePages(parts.users_client).router(),
            DeliveryReportRoutes(self.receipts).router(),
            *parts.mailbox,
            ProxyRoutes(users=parts.users_client, templates=parts.templates_client, audit=self.audit).router(),
            ProviderRoutes(Providers(parts.providers, self.audit)).router(),
            CallbackRoutes(self.callbacks, parts.reader, self.audit).router(),
            B2bRoutes(
                acceptor=self.acceptor,
                reader=parts.reader,
                store=parts.store,
                broker=parts.broker,
                identifiers=parts.identifiers,
                plain_texts=self.plain_texts,
            ).router(),
            HomeRoutes(mailbox=bool(parts.mailbox)).router(),
            DocumentRoutes(users=parts.users_client, templates=parts.templates_client).router(),
        )


def _erasing(parts: GatewayParts) -> Erasing:
    erasure = Erasure(parts.engine, parts.clock, elsewhere=_elsewhere(parts))
    return Erasing(parts.engine, erasure, parts.clock, parts.logger)


def _retention(parts: GatewayParts) -> RetentionKeeper:
    return RetentionKeeper(
        engine=parts.engine,
        retention=Retention(parts.engine, parts.clock, elsewhere=_elsewhere(parts)),
        periods=parts.periods,
        metrics=parts.metrics,
        clock=parts.clock,
        logger=parts.logger,
    )


def _elsewhere(parts: GatewayParts) -> Sequence[Elsewhere]:
    """What forgets notifications outside of `notification_db`: the mailbox."""
    return (parts.caught.forget,) if parts.caught is not None else ()


def _acceptor_parts(parts: GatewayParts, publisher: OutboxPublisher, lanes: FairLanes) -> AcceptorParts:
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
        lanes=lanes,
        fast_paths=parts.fast_paths,
    )


def _dispatcher(parts: GatewayParts, callbacks: CallbackStore) -> CallbackDispatcher | None:
    if parts.callbacks is None:
        return None
    return CallbackDispatcher(store=callbacks, sender=parts.callbacks, clock=parts.clock, logger=parts.logger)


def _health(parts: GatewayParts) -> Health:
    """Without the cache the gateway works, only slower: it is shown, and does not make it unready."""
    checks = {
        "database": parts.store.problem,
        "broker": parts.broker.problem,
        "cache": answers(parts.cache.ready),
    }
    return Health("gateway", __version__, checks, optional=frozenset({"cache"}))
