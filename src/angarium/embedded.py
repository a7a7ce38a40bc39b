"""Everything in one process: the same apps and engines as the distributed system, over in-process parts.

SQLite files, a broker in memory whose truth is the database, a cache in memory, and calls between services over an
in-process transport. Nothing is installed; a restart goes on with what was unfinished.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from angarium.contracts.statuses import Channel
from angarium.delivery.composition import EngineParts, build_engine
from angarium.delivery.engine import Engine
from angarium.delivery.process import ProviderParts, keep_delivering, worker_name
from angarium.delivery.settings import WorkerSettings
from angarium.platform.auth.remote import RemoteAuthenticator
from angarium.platform.auth.development import service_token_of
from angarium.platform.cache.port import Cache
from angarium.platform.clock import Clock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from angarium.platform.http.client import ServiceClient
from angarium.platform.http.server import serve
from angarium.platform.http.switchboard import Switchboard
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.renderer import Renderer
from angarium.services.email.app import build_kit as email_kit
from angarium.services.gateway.app import GatewayParts
from angarium.services.gateway.compose import compose as compose_gateway
from angarium.services.gateway.settings import GatewaySettings
from angarium.services.push.app import build_kit as push_kit
from angarium.services.sms.app import build_kit as sms_kit
from angarium.services.templates.app import MIGRATIONS as TEMPLATES_MIGRATIONS
from angarium.services.templates.app import build_app as build_templates
from angarium.services.templates.settings import TemplatesSettings
from angarium.services.users.app import MIGRATIONS as USERS_MIGRATIONS
from angarium.services.users.app import build_app as build_users
from angarium.services.users.settings import UsersSettings

_KITS = {Channel.EMAIL: email_kit, Channel.PUSH: push_kit, Channel.SMS: sms_kit}


class EmbeddedSettings(GatewaySettings, WorkerSettings, UsersSettings, TemplatesSettings):
    """Every setting of every service; one port."""

    port: int = 8000


Listening = Callable[[str, str | None], Awaitable[None]]
"""Told the address and the seeded key once requests are taken."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The composed system: the one app, and the engines that deliver."""

    app: ASGIApp
    engines: tuple[Engine, ...]
    parts: EngineParts
    api_key: str | None


async def run_embedded(
    settings: EmbeddedSettings, *, logger: Logger, stop: asyncio.Event, listening: Listening | None = None
) -> None:
    """Serve and deliver until `stop` is set, then finish what is under way. Raises SettingsError."""
    async with compose_embedded(settings, logger=logger) as system, asyncio.TaskGroup() as tasks:
        for engine in system.engines:
            tasks.create_task(keep_delivering(engine, system.parts, stop))

        def started(port: int) -> None:
            if listening is not None:
                tasks.create_task(_tell(listening, f"http://{settings.host}:{port}", system.api_key))

        await serve(
            system.app, settings=settings, port=settings.port, logger=logger, stop=stop, listening=started
        )
        stop.set()


async def _tell(listening: Listening, address: str, api_key: str | None) -> None:
    await listening(address.replace("127.0.0.1", "localhost"), api_key)


@asynccontextmanager
async def compose_embedded(settings: EmbeddedSettings, *, logger: Logger) -> AsyncIterator[Embedded]:
    """Open, migrate and put together everything; on exit the gateway drains and every connection is closed."""
    settings = settings.model_copy(update=_IN_PROCESS)
    switchboard = Switchboard()
    async with AsyncExitStack() as stack:
        engines = await _open_databases(settings, stack)
        running = await stack.enter_async_context(
            compose_gateway(settings, logger=logger, transport=switchboard.transport)
        )
        gateway, shared = running.gateway, running.gateway.parts
        switchboard.put("gateway", gateway.app)
        verifier = ServiceClient(
            settings.gateway_url,
            service_token=shared.service_token,
            name="gateway",
            transport=switchboard.transport(),
            clock=shared.clock,
        )
        stack.push_async_callback(verifier.close)
        frame = {
            "cache": shared.cache,
            "authenticator": RemoteAuthenticator(verifier, shared.service_token, shared.clock),
            "logger": logger,
            "metrics": shared.metrics,
            "clock": shared.clock,
            "identifiers": shared.identifiers,
        }
        users = build_users(engine=engines["users"], **frame)
        templates = build_templates(engine=engines["templates"], **frame)
        switchboard.put("users", users)
        switchboard.put("templates", templates)
        await stack.enter_async_context(users.router.lifespan_context(users))
        await stack.enter_async_context(templates.router.lifespan_context(templates))
        await shared.store.requeue_unfinished()
        parts = _engine_parts(shared)
        provider_parts = ProviderParts(
            gateway=verifier, clock=shared.clock, identifiers=shared.identifiers, logger=logger
        )
        yield Embedded(
            app=OnePort(gateway.app, users=users, templates=templates),
            engines=await _build_engines(settings, parts, provider_parts, stack),
            parts=parts,
            api_key=running.api_key,
        )


_IN_PROCESS = {"users_url": "http://users", "templates_url": "http://templates", "gateway_url": "http://gateway"}


class OnePort:
    """The gateway's app, with the users and templates services under their own paths beside it."""

    def __init__(self, gateway: ASGIApp, *, users: ASGIApp, templates: ASGIApp) -> None:
        self._gateway = gateway
        self._beside = {"users": users, "templates": templates}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/", 2)[1] if scope["type"] == "http" else ""
        await self._beside.get(first, self._gateway)(scope, receive, send)
