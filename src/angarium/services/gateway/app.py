"""Composes the gateway: app, use cases and background loops."""

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, FastAPI

from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.queue_waits import QueueWaits
from angarium.notifications.relay import Relay
from angarium.notifications.store.foreign_letters import ForeignLetters
from angarium.notifications.store.held_reports import HeldReports
from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.waiting import WaitingWork
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.notifications.sweeper import Sweeper
from angarium.platform.auth.caller import Authenticator
from angarium.platform.auth.own_tokens import BearerTokens, OwnTokens
from angarium.platform.auth.passwords import Passwords
from angarium.platform.auth.throttle import LoginThrottle
from angarium.platform.database.turns import alone
from angarium.platform.http.frame.app import build_app
from angarium.platform.lifecycle import Background
from angarium.platform.loop import Loop, run_last_pass
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.services.gateway.accepting.acceptance import PATH as SENDING_PATH
from angarium.services.gateway.accepting.acceptance import answer_form
from angarium.services.gateway.accepting.lanes import FairLanes
from angarium.services.gateway.accepting.routes import BYTES as SENDING_BYTES
from angarium.services.gateway.accepting.routes import routes as accepting_routes
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.routes import routes as audit_routes
from angarium.services.gateway.audit.store import AuditReader, AuditStore
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.gateway.b2b.routes import routes as b2b_routes
from angarium.services.gateway.building import (
    build_acceptor_parts,
    build_dispatcher,
    build_documents,
    build_emails,
    build_erasing,
    build_health,
    build_provider_tests,
    build_retention,
)
from angarium.services.gateway.bulk.routes import BYTES as BULK_BYTES
from angarium.services.gateway.bulk.routes import PATH as BULK_PATH
from angarium.services.gateway.bulk.routes import routes as bulk_routes
from angarium.services.gateway.bulk.use_cases import BulkAcceptor
from angarium.services.gateway.callbacks.routes import routes as callback_routes
from angarium.services.gateway.callbacks.store import CallbackStore
from angarium.services.gateway.callers.authentication import build_authenticator
from angarium.services.gateway.callers.routes import routes as caller_routes
from angarium.services.gateway.contact_versions.routes import routes as contact_version_routes
from angarium.services.gateway.dashboard.composition import FORM_PATHS as DASHBOARD_PATHS
from angarium.services.gateway.dashboard.composition import Dashboard, DashboardParts
from angarium.services.gateway.dashboard.editor.routes import FORM_BYTES as EDITOR_BYTES
from angarium.services.gateway.dashboard.editor.routes import PATH as EDITOR_PATH
from angarium.services.gateway.dead_letters.foreign import ForeignKeeper
from angarium.services.gateway.dead_letters.janitor import TURN as JANITOR_TURN
from angarium.services.gateway.dead_letters.janitor import Janitor
from angarium.services.gateway.dead_letters.routes import routes as dead_letter_routes
from angarium.services.gateway.dead_letters.use_cases import Replays
from angarium.services.gateway.declaring import TopologyKeeper
from angarium.services.gateway.delivery_reports.routes import routes as delivery_report_routes
from angarium.services.gateway.delivery_reports.use_cases import Receipts
from angarium.services.gateway.documents.routes import routes as document_routes
from angarium.services.gateway.erasures.routes import routes as erasure_routes
from angarium.services.gateway.gauges import Gauges
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.routes import routes as key_routes
from angarium.services.gateway.keys.store import KeyStore
from angarium.services.gateway.keys.use_cases import Keys
from angarium.services.gateway.moving.routes import routes as moving_routes
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.operators.routes import routes as operator_routes
from angarium.services.gateway.operators.sessions import Sessions, SignInLinks
from angarium.services.gateway.operators.store import OperatorStore
from angarium.services.gateway.operators.use_cases import Operators
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.preference_pages.routes import FORM_PATHS
from angarium.services.gateway.preference_pages.routes import routes as preference_page_routes
from angarium.services.gateway.provider_webhooks.routes import BYTES as WEBHOOK_BYTES
from angarium.services.gateway.provider_webhooks.routes import PATH as WEBHOOK_PATH
from angarium.services.gateway.provider_webhooks.routes import routes as provider_webhook_routes
from angarium.services.gateway.provider_webhooks.use_cases import ProviderWebhooks
from angarium.services.gateway.providers.routes import routes as provider_routes
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.reading.routes import routes as reading_routes
from angarium.services.gateway.reading.use_cases import Reading
from angarium.services.gateway.suppressions.routes import IMPORT_BYTES as SUPPRESSIONS_IMPORT_BYTES
from angarium.services.gateway.suppressions.routes import IMPORT_PATH as SUPPRESSIONS_IMPORT_PATH
from angarium.services.gateway.suppressions.routes import routes as suppression_routes
from angarium.services.gateway.suppressions.use_cases import Suppressions
from angarium.services.gateway.tenants.routes import routes as tenant_routes
from angarium.services.gateway.tenants.store import TenantStore
from angarium.services.gateway.tenants.use_cases import Tenants
from angarium.services.gateway.tokens.routes import routes as token_routes
from angarium.services.gateway.tokens.use_cases import Logins
from angarium.services.gateway.upstream.routes import routes as upstream_routes

TITLE = "Angarium gateway"
MAILBOX_PATH = "/internal/v1/mailbox/messages"
USERS_IMPORT_PATH = "/api/v1/users/import"
"""Path of imports of users, which are forwarded to the users service."""


class Gateway:
    """The use cases, the app that serves them, and the background loops."""

    def __init__(self, parts: GatewayParts) -> None:
        self.parts = parts
        runtime = parts.runtime
        self.audit = audit = AuditLog(AuditStore(parts.engine), runtime)
        keys = KeyStore(parts.engine)
        self.publisher = OutboxPublisher(store=parts.store, broker=parts.broker, logger=runtime.logger)
        self.lanes = FairLanes(parts.broker, runtime.clock)
        self.acceptor = Acceptor(build_acceptor_parts(parts, self.publisher, self.lanes))
        self.ring = KeyRing(keys, runtime.clock)
        self.keys = Keys(store=keys, audit=audit, runtime=runtime)
        self.tenants = Tenants(store=TenantStore(parts.engine), audit=audit, runtime=runtime)
        self.moves = Moves(store=parts.store, runtime=runtime)
        self.reading = Reading(parts.reader, parts.providers, runtime.clock, parts.never_paused)
        self.receipts = Receipts(store=parts.store, held=HeldReports(parts.engine), runtime=runtime)
        self.replays = Replays(store=parts.store, reader=parts.reader.dead_letters, audit=audit, runtime=runtime)
        self.callbacks = CallbackStore(parts.engine, runtime.clock, runtime.identifiers)
        self.dispatcher = build_dispatcher(parts, self.callbacks)
        self.suppressions = SuppressionStore(parts.engine, runtime.clock, runtime.identifiers)
        self.provider_webhooks = ProviderWebhooks(
            parts.webhooks,
            engine=parts.engine,
            store=parts.store,
            suppressions=self.suppressions,
            tenants=TenantStore(parts.engine).names,
            runtime=runtime,
        )
        self.retention = build_retention(parts)
        self.erasing = build_erasing(parts, self.suppressions)
        self.plain_texts = PlainTexts(runtime.clock)
        self.own_tokens = OwnTokens(parts.service_token, runtime.clock)
        self.tokens = BearerTokens(self.own_tokens, parts.tokens)
        self.authenticator: Authenticator = build_authenticator(
            auth=parts.auth, service_token=parts.service_token, ring=self.ring, tokens=self.tokens
        )
        self.links = SignInLinks(runtime.clock)
        self._passwords = Passwords()
        self.dashboard = self._build_dashboard()
        self.limiter = parts.limiter or RateLimiter(None, shared=None, clock=runtime.clock, metrics=runtime.metrics)
        self.app: FastAPI = self._build_app()

    def start(self, background: Background) -> None:
        """Start the background loops."""
        if self.parts.periods:
            self.retention.announce()
        background.start(*self._loops())

    def _loops(self) -> Sequence[Loop]:
        parts = self.parts
        store, broker, runtime = parts.store, parts.broker, parts.runtime
        count = parts.reader.dead_letters.count
        waits = QueueWaits(runtime.clock)
        return (
            TopologyKeeper(broker=broker, topology=parts.topology, logger=runtime.logger),
            Relay(store=store, broker=broker, publisher=self.publisher, clock=runtime.clock),
            Sweeper(store=store, runtime=runtime, waits=waits.by_key),
            Janitor(
                store=store,
                count_letters=count,
                broker=broker,
                runtime=runtime,
                turn=partial(alone, parts.engine, JANITOR_TURN),
            ),
            ForeignKeeper(ForeignLetters(parts.engine), runtime),
            Gauges(
                store=store,
                count_letters=partial(count, at_most=MOST_COUNTED),
                oldest_work=WaitingWork(parts.engine).oldest,
                broker=broker,
                runtime=runtime,
                waits=waits,
            ),
            self.lanes,
            self.receipts,
            *self.provider_webhooks.loops,
            self.erasing,
            self.ring,
            self.audit.backlog,
            self.dashboard.live,
            *([self.dispatcher] if self.dispatcher is not None else []),
            *([self.retention] if parts.periods else []),
        )

    async def drain(self) -> None:
        """Finish accepted work: commits, publishes, the audit log, the last use of keys.

        Call once the server and the loops have ended.
        """
        await self.plain_texts.close()
        await self.acceptor.drain()
        await self.replays.close()
        await self.provider_webhooks.close()
        if self.dispatcher is not None:
            await self.dispatcher.drain()
        for loop in (self.audit.backlog, self.ring):
            await run_last_pass(loop, self.parts.runtime.logger)

    def _build_app(self) -> FastAPI:
        parts = self.parts
        self.health = health = build_health(parts)
        return build_app(
            service="gateway",
            title=TITLE,
            runtime=parts.runtime,
            health=health,
            authenticator=self.authenticator,
            limiter=self.limiter,
            body_limits={
                SENDING_PATH: SENDING_BYTES,
                BULK_PATH: BULK_BYTES,
                MAILBOX_PATH: BULK_BYTES,
                USERS_IMPORT_PATH: BULK_BYTES,
                SUPPRESSIONS_IMPORT_PATH: SUPPRESSIONS_IMPORT_BYTES,
                WEBHOOK_PATH: WEBHOOK_BYTES,
                EDITOR_PATH: EDITOR_BYTES,
            },
            raw_bodies=(*FORM_PATHS, *DASHBOARD_PATHS, USERS_IMPORT_PATH, SUPPRESSIONS_IMPORT_PATH, WEBHOOK_PATH),
            routers=self._routers(),
            own_document=False,
            fast_paths=parts.fast_paths,
            outermost=(self.dashboard.middleware,),
        )

    def _routers(self) -> Sequence[APIRouter]:
        """The routers, in the order of the OpenAPI document."""
        parts = self.parts
        return (
            accepting_routes(self.acceptor, answer_form(fast_paths=parts.fast_paths)),
            bulk_routes(BulkAcceptor(self.acceptor)),
            reading_routes(self.reading),
            moving_routes(self.moves, self.reading, self.audit),
            dead_letter_routes(parts.reader.dead_letters, self.replays),
            key_routes(self.keys, self.ring),
            tenant_routes(self.tenants),
            operator_routes(self._operators()),
            provider_routes(self._providers, build_provider_tests(parts, self.acceptor, self.audit)),
            suppression_routes(self._listed_suppressions),
            token_routes(self.own_tokens, Logins(parts.users_client)),
            audit_routes(AuditReader(parts.engine), self.audit),
            caller_routes(self.ring.caller, self.tokens),
            erasure_routes(self.erasing, parts.runtime.logger),
            contact_version_routes(parts.store),
            preference_page_routes(parts.users_client),
            delivery_report_routes(self.receipts),
            provider_webhook_routes(self.provider_webhooks),
            *parts.mailbox,
            upstream_routes(users=parts.users_client, templates=parts.templates_client, audit=self.audit),
            callback_routes(self.callbacks, parts.reader, self.audit),
            b2b_routes(build_emails(parts, self.acceptor, self.plain_texts)),
            *self.dashboard.routers(),
            document_routes(build_documents(parts)),
        )

    def end_streams(self) -> None:
        """End live streams of pages, so that the server can stop. Call it at the start of the shutdown."""
        self.dashboard.live.close()

    def _operators(self) -> Operators:
        store = OperatorStore(self.parts.engine)
        return Operators(store=store, passwords=self._passwords, audit=self.audit, runtime=self.parts.runtime)

    def _build_dashboard(self) -> Dashboard:
        runtime = self.parts.runtime
        self._providers = Providers(self.parts.providers, self.audit)
        self._listed_suppressions = Suppressions(self.suppressions, self.audit)
        sessions = Sessions(
            store=OperatorStore(self.parts.engine),
            passwords=self._passwords,
            throttle=LoginThrottle(runtime.clock),
            links=self.links,
            audit=self.audit,
            runtime=runtime,
        )
        return Dashboard(
            DashboardParts(
                parts=self.parts,
                sessions=sessions,
                operators=self._operators(),
                keys=self.keys,
                ring=self.ring,
                tenants=self.tenants,
                acceptor=self.acceptor,
                moves=self.moves,
                reading=self.reading,
                replays=self.replays,
                providers=self._providers,
                suppressions=self._listed_suppressions,
                audit=self.audit,
            )
        )
