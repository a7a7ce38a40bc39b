"""The users service as a process: its resources, its tasks and its shutdown."""

import asyncio
import os
from contextlib import AsyncExitStack
from email.utils import parseaddr

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory.gateway.surroundings import Surroundings, open_surroundings
from angarium.directory.preference_links import links_of
from angarium.platform.database.opening import open_database
from angarium.platform.database.replica import Replica, open_replica
from angarium.platform.http.server.server import serve
from angarium.platform.runtime import build_runtime
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing_opening import open_tracing
from angarium.services.users.app import UsersParts, UsersService
from angarium.services.users.contacts.documents import open_documents
from angarium.services.users.settings import UsersSettings

DATABASE_SETTING = "ANGARIUM_USERS_DATABASE_URL"
REPLICA_SETTING = "ANGARIUM_USERS_READ_DATABASE_URL"


async def run_users(settings: UsersSettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish running requests. Raises SettingsError."""
    async with AsyncExitStack() as stack:
        tracing = await open_tracing("angarium-users", logger, stack, os.environ)
        surroundings = open_surroundings(settings, build_runtime(logger, tracing=tracing), stack)
        service = UsersService(open_users(settings, surroundings, stack))
        await serve(service.app, settings=settings, port=settings.port, logger=logger, stop=stop)


def open_users(settings: UsersSettings, around: Surroundings, stack: AsyncExitStack) -> UsersParts:
    """Open the parts of the service, closed with `stack`. Raises SettingsError."""
    url = settings.users_database_url
    engine = open_database(url, stack, pool_size=settings.database_pool, setting=DATABASE_SETTING)
    documents = open_documents(url, engine, fast_paths=settings.fast)
    stack.push_async_callback(documents.close)
    return UsersParts(
        runtime=around.runtime,
        engine=engine,
        replica=_open_replica(settings, engine, around, stack),
        documents=documents,
        cache=around.cache,
        limiter=around.limiter,
        gateway=around.gateway,
        authenticator=around.authenticator,
        reports=around.reports,
        links=links_of(settings, around.service_token, around.runtime.clock),
        mandatory=settings.mandatory_categories,
        sender=sender_name(settings.email_from),
        allowed=settings.callback_allow,
        fast_paths=settings.fast,
    )


def sender_name(field: str) -> str:
    """The name in `Name <address>`, or the address if there is no name."""
    name, address = parseaddr(field)
    return name or address or field


def _open_replica(
    settings: UsersSettings, engine: AsyncEngine, around: Surroundings, stack: AsyncExitStack
) -> Replica | None:
    """Open the replica for lists, if there is one. Raises SettingsError."""
    url, pool_size = settings.users_read_database_url, settings.database_pool
    return open_replica(url, engine, stack, around.runtime.logger, pool_size=pool_size, setting=REPLICA_SETTING)
