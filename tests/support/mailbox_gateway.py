"""A gateway with only its mailbox, called without a socket."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx2
from fastapi import FastAPI

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import ServiceTokens
from angarium.platform.clock import SystemClock
from angarium.platform.http.frame.app import build_app
from angarium.platform.http.frame.health import Health
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger, make_logger
from angarium.services.gateway.mailbox.routes import routes as mailbox_routes
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.services.gateway.mailbox.use_cases import Mailbox
from angarium.services.gateway.mailbox_page.routes import routes as mailbox_page_routes
from tests.support.runtime import a_runtime

SERVICE_TOKEN = "token-between-services"
KEYS = {
    "reader": Caller("default", "reader", frozenset({Scope.NOTIFICATIONS_READ})),
    "admin": Caller("default", "admin", frozenset({Scope.ADMIN})),
    "stranger": Caller("other", "stranger", frozenset({Scope.ADMIN})),
    "sender": Caller("default", "sender", frozenset({Scope.NOTIFICATIONS_SEND})),
}


class KeyTable:
    """An authenticator with a fixed table of keys, and with the real check of the service token."""

    def __init__(self) -> None:
        self._services = ServiceTokens(SERVICE_TOKEN)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        caller = self._services.authenticate(headers) or KEYS.get(headers.get("x-api-key", ""))
        if caller is None:
            raise Unauthorized
        return caller


@dataclass(frozen=True, slots=True)
class MailboxGateway:
    """The app, its store, and the contents of attachments."""

    app: FastAPI
    store: MailboxStore
    files: dict[UUID, Sequence[bytes]] = field(default_factory=dict)
    """The contents of the attachments of notifications."""

    def client(self, *, peer: str = "127.0.0.1", host: str = "localhost", key: str | None = None) -> httpx2.AsyncClient:
        """A client with the address `peer` that calls the gateway as `host`."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, client=(peer, 50_000)),
            base_url=f"http://{host}:8000",
            headers={"x-api-key": key} if key else {},
        )


def quiet_logger() -> Logger:
    """A logger that writes errors only."""
    return make_logger("test", level="error", format="json")


@asynccontextmanager
async def mailbox_gateway(folder: Path, *, kept: int = 10_000) -> AsyncIterator[MailboxGateway]:
    """Open a gateway with a store in `folder`."""
    clock = SystemClock()
    identifiers = Identifiers(clock)
    store = MailboxStore(folder, clock=clock, identifiers=identifiers, kept=kept)
    await store.open()
    files: dict[UUID, Sequence[bytes]] = {}

    async def stored_files(notification_id: UUID) -> Sequence[bytes]:
        return files.get(notification_id, ())

    mailbox = Mailbox(store, stored_files)
    app = build_app(
        service="gateway",
        title="Gateway",
        runtime=a_runtime(clock=clock, logger=quiet_logger()),
        health=Health("gateway", "0", {}),
        authenticator=KeyTable(),
        body_limits={"/internal/v1/mailbox/messages": 16 * 1024 * 1024},
        routers=(mailbox_routes(mailbox), mailbox_page_routes(mailbox)),
    )
    try:
        yield MailboxGateway(app, store, files)
    finally:
        await store.close()
