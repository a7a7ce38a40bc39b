"""A gateway over SQLite, the in-process broker and cache, asked without sockets."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.notifications.store.schema import MIGRATIONS
from angarium.notifications.topology import build_topology
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Broker
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.settings.settings import AuthSettings
from angarium.platform.telemetry.logging import Logger, make_logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.accepting.acceptance import AcceptanceRules
from angarium.services.gateway.app import Gateway
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.provider_webhooks.use_cases import NO_WEBHOOKS, WebhookRules
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime
from tests.unit.services.gateway.directory import MemoryContacts, MemoryTemplates
from tests.unit.services.gateway.scripted_service import Upstream

API_KEY = "ang_live_of_the_tests"
SERVICE_TOKEN = "service-token-of-the-tests"
PATH = "/api/v1/notifications"


@dataclass(kw_only=True)
class World:
    """A gateway and everything around it that a test wants to touch."""

    gateway: Gateway
    client: httpx2.AsyncClient
    store: NotificationStore
    engine: AsyncEngine
    broker: Broker
    contacts: MemoryContacts
    templates: MemoryTemplates
    users: Upstream
    template_service: Upstream
    metrics: Metrics
    logger: Logger
    log: io.StringIO
    count_letters: Callable[[], Awaitable[int]]
    user_id: UUID
    keys: dict[str, str] = field(default_factory=dict)

    def body(self, **changes: Any) -> dict[str, Any]:
        """A request that is accepted; `changes` replace fields, None removes one."""
        whole = {
            "notification_type": "email",
            "user_id": str(self.user_id),
            "template_code": "welcome",
            "variables": {"name": "John"},
            "request_id": "order-42",
            **changes,
        }
        return {name: value for name, value in whole.items() if value is not None}

    async def send(self, headers: Mapping[str, str] | None = None, **changes: Any) -> httpx2.Response:
        return await self.client.post(PATH, json=self.body(**changes), headers=headers)

    async def key(self, *scopes: Scope, name: str | None = None) -> dict[str, str]:
        """The header of a new key with these scopes."""
        body = {"name": name or f"key-{len(self.keys)}", "scopes": list(scopes)}
        answer = await self.client.post("/api/v1/keys", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()["data"]
        self.keys[made["name"]] = made["key_id"]
        return {"x-api-key": made["key"]}

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of that event."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    """The `error` of a refusal whose envelope is whole."""
    body = answer.json()
    assert (body["success"], body["data"], body["meta"]) == (False, None, None)
    assert body["error"]["correlation_id"] == answer.headers["x-correlation-id"]
    error: dict[str, Any] = body["error"]
    return error


def fields_of(answer: httpx2.Response) -> list[str]:
    """The fields that a refusal names."""
    return [detail["field"] for detail in error_of(answer)["details"]]


@pytest.fixture
def enabled() -> frozenset[Channel]:
    """The channels that are on; a test may set others."""
    return frozenset(Channel)


@pytest.fixture
def webhooks() -> WebhookRules:
    """What providers may post; a test may set others."""
    return NO_WEBHOOKS


@pytest.fixture
async def world(tmp_path: Path, enabled: frozenset[Channel], webhooks: WebhookRules) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        broker = MemoryBroker(SystemClock())
        stack.push_async_callback(broker.close)
        built = await build_world(stack, f"sqlite:///{tmp_path / 'notifications.db'}", broker, enabled, webhooks)
        await broker.declare(built.gateway.parts.topology)
        yield built


async def build_world(
    stack: AsyncExitStack,
    url: str,
    broker: Broker,
    enabled: frozenset[Channel],
    webhooks: WebhookRules = NO_WEBHOOKS,
) -> World:
    """A gateway over the database `url` and `broker`, with a key, a user and a template."""
    clock, log = SystemClock(), io.StringIO()
    engine = open_engine(url)
    stack.push_async_callback(engine.dispose)
    await upgraded(engine, MIGRATIONS)
    store = open_store(url, pool_size=5, clock=clock)
    stack.push_async_callback(store.close)
    reader = NotificationReader(engine)
    users, template_service = Upstream("users"), Upstream("templates")
    contacts, templates = MemoryContacts(), MemoryTemplates()
    templates.add("welcome", required=["name"], category="account")
    parts = GatewayParts(
        runtime=a_runtime(clock=clock, logger=make_logger("gateway", format="json", stream=log)),
        store=store,
        reader=reader,
        engine=engine,
        providers=ProviderStore(engine, clock),
        broker=broker,
        topology=build_topology(retry_delays=()),
        cache=MemoryCache(clock),
        contacts=contacts,
        templates=WithBuiltIn(templates),
        users_client=_client(users, stack),
        templates_client=_client(template_service, stack),
        tokens=TokenVerifier(AuthSettings(), clock),
        service_token=SERVICE_TOKEN,
        auth="on",
        rules=AcceptanceRules(channels=enabled),
        webhooks=webhooks,
    )
    gateway = Gateway(parts)
    stack.push_async_callback(gateway.drain)
    await gateway.keys.seed(API_KEY)
    client = await stack.enter_async_context(_asgi(gateway.app))
    client.headers["x-api-key"] = API_KEY
    return World(
        gateway=gateway,
        client=client,
        store=store,
        engine=engine,
        broker=broker,
        contacts=contacts,
        templates=templates,
        users=users,
        template_service=template_service,
        metrics=parts.runtime.metrics,
        logger=parts.runtime.logger,
        log=log,
        count_letters=reader.dead_letters.count,
        user_id=contacts.add(),
    )


def _asgi(app: ASGIApp) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway")


def _client(upstream: Upstream, stack: AsyncExitStack) -> ServiceClient:
    transport = httpx2.ASGITransport(app=upstream.app)
    client = ServiceClient(
        f"http://{upstream.name}", service_token=SERVICE_TOKEN, name=upstream.name, transport=transport
    )
    stack.push_async_callback(client.close)
    return client
