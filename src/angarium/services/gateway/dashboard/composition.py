"""Composes the dashboard from the gateway's parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from fastapi import APIRouter
from starlette.middleware import Middleware

from angarium.notifications.store.port import MOST_COUNTED
from angarium.notifications.store.read.activity import ActivityReader
from angarium.notifications.store.waiting import WaitingWork
from angarium.platform.http.frame.error_pages import ErrorPageMiddleware
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import AuditReader
from angarium.services.gateway.dashboard.admin.routes import routes as admin_routes
from angarium.services.gateway.dashboard.dead_letters.routes import routes as dead_letter_routes
from angarium.services.gateway.dashboard.editor.routes import routes as editor_routes
from angarium.services.gateway.dashboard.keys.routes import routes as key_routes
from angarium.services.gateway.dashboard.library.routes import routes as library_routes
from angarium.services.gateway.dashboard.library.use_cases import Library
from angarium.services.gateway.dashboard.notifications.content import Contents
from angarium.services.gateway.dashboard.notifications.routes import routes as notification_routes
from angarium.services.gateway.dashboard.notifications.use_cases import DashboardNotifications
from angarium.services.gateway.dashboard.overview.live import Live, Parts
from angarium.services.gateway.dashboard.overview.routes import routes as overview_routes
from angarium.services.gateway.dashboard.overview.use_cases import Overview, Sources
from angarium.services.gateway.dashboard.overview.views import Rendered
from angarium.services.gateway.dashboard.pages import Pages
from angarium.services.gateway.dashboard.people.routes import routes as people_routes
from angarium.services.gateway.dashboard.people.use_cases import People
from angarium.services.gateway.dashboard.providers.routes import routes as provider_routes
from angarium.services.gateway.dashboard.services import Service
from angarium.services.gateway.dashboard.signing_in.error_pages import DATA_PATHS, ErrorPages
from angarium.services.gateway.dashboard.signing_in.routes import routes as signing_in_routes
from angarium.services.gateway.dashboard.suppressions.routes import routes as suppression_routes
from angarium.services.gateway.dashboard.tenants.routes import routes as tenant_routes
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers
from angarium.services.gateway.dead_letters.use_cases import Replays
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.use_cases import Keys
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.operators.sessions import Sessions
from angarium.services.gateway.operators.use_cases import Operators
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.providers.use_cases import Providers
from angarium.services.gateway.reading.use_cases import Reading
from angarium.services.gateway.suppressions.use_cases import Suppressions
from angarium.services.gateway.tenants.use_cases import Tenants

LATEST = 10
"""The number of notifications on the overview."""
FORM_PATHS = (PREFIX,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardParts:
    """The use cases that the pages call. The API calls the same ones."""

    parts: GatewayParts
    sessions: Sessions
    operators: Operators
    keys: Keys
    ring: KeyRing
    tenants: Tenants
    acceptor: Acceptor
    moves: Moves
    reading: Reading
    replays: Replays
    providers: Providers
    suppressions: Suppressions
    audit: AuditLog


class Dashboard:
    """The pages, the live updates of the overview, and the error pages."""

    def __init__(self, parts: DashboardParts) -> None:
        self._parts = parts
        shared = parts.parts
        self._pages = Pages(mailbox=bool(shared.mailbox))
        self._overview = Overview(_sources(parts))
        self._rendered = Rendered(self._pages)
        self.live = Live(self._read, shared.runtime.clock)

    @cached_property
    def middleware(self) -> Middleware:
        """Returns errors to browsers as HTML pages."""
        return Middleware(ErrorPageMiddleware, make=ErrorPages(self._pages).make, data_paths=DATA_PATHS)

    def routers(self) -> Sequence[APIRouter]:
        """The routes of every page."""
        parts, pages, viewers = self._parts, self._pages, Viewers(self._parts.sessions)
        shared = parts.parts
        letters = shared.reader.dead_letters
        library = Library(Service(shared.templates_client, parts.audit), parts.acceptor, parts.audit)
        contents = Contents(shared.templates, Renderer(fast_paths=shared.fast_paths))
        return (
            overview_routes(self._read, self.live, pages, viewers.requires()),
            signing_in_routes(parts.sessions, pages, viewers.requires()),
            notification_routes(_notifications(parts), contents, pages, viewers),
            dead_letter_routes(letters, parts.replays, pages, viewers),
            provider_routes(parts.providers, pages, viewers),
            suppression_routes(parts.suppressions, pages, viewers),
            people_routes(People(Service(shared.users_client, parts.audit)), pages, viewers),
            editor_routes(library, pages, viewers),
            library_routes(library, pages, viewers),
            key_routes(parts.keys, parts.ring, pages, viewers),
            tenant_routes(parts.tenants, pages, viewers),
            admin_routes(parts.operators, AuditReader(shared.engine), shared.settings, pages, viewers),
        )

    async def _read(self, tenant: str) -> Parts:
        """The parts of a tenant's overview as HTML, by element id. Raises DatabaseUnavailable."""
        snapshot = await self._overview.snapshot(tenant)
        return self._rendered.parts(tenant, snapshot, await self._parts.parts.reader.newest(tenant, LATEST))


def _sources(parts: DashboardParts) -> Sources:
    shared = parts.parts
    return Sources(
        activity=ActivityReader(shared.engine),
        providers=partial(shared.providers.standings),
        outbox=shared.store.outbox_pending,
        oldest_work=WaitingWork(shared.engine).oldest,
        count_letters=lambda tenant: shared.reader.dead_letters.count(tenant=tenant, at_most=MOST_COUNTED),
        broker=shared.broker,
        channels=shared.rules.channels,
        clock=shared.runtime.clock,
        limits=shared.limits,
    )


def _notifications(parts: DashboardParts) -> DashboardNotifications:
    shared = parts.parts
    return DashboardNotifications(
        reader=shared.reader,
        reading=parts.reading,
        acceptor=parts.acceptor,
        moves=parts.moves,
        audit=parts.audit,
        users=shared.users_client,
    )
