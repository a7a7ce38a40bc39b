"""The templates service as a process: its resources, its tasks and its shutdown."""

import asyncio
import os
from contextlib import AsyncExitStack

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory.gateway.surroundings import Surroundings, open_surroundings
from angarium.platform.database.opening import open_database
from angarium.platform.database.replica import Replica, open_replica
from angarium.platform.http.server.server import serve
from angarium.platform.runtime import build_runtime
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.tracing_opening import open_tracing
from angarium.services.templates.app import TemplatesParts, TemplatesService
from angarium.services.templates.settings import TemplatesSettings

DATABASE_SETTING = "ANGARIUM_TEMPLATES_DATABASE_URL"
REPLICA_SETTING = "ANGARIUM_TEMPLATES_READ_DATABASE_URL"


async def run_templates(settings: TemplatesSettings, *, logger: Logger, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish running requests. Raises SettingsError."""
    async with AsyncExitStack() as stack:
        tracing = await open_tracing("angarium-templates", logger, stack, os.environ)
        surroundings = open_surroundings(settings, build_runtime(logger, tracing=tracing), stack)
        service = TemplatesService(open_templates(settings, surroundings, stack))
        await serve(service.app, settings=settings, port=settings.port, logger=logger, stop=stop)


def open_templates(settings: TemplatesSettings, around: Surroundings, stack: AsyncExitStack) -> TemplatesParts:
    """Open the parts of the service, closed with `stack`. Raises SettingsError."""
    url = settings.templates_database_url
    engine = open_database(url, stack, pool_size=settings.database_pool, setting=DATABASE_SETTING)
    return TemplatesParts(
        runtime=around.runtime,
        engine=engine,
        replica=_open_replica(settings, engine, around, stack),
        cache=around.cache,
        limiter=around.limiter,
        authenticator=around.authenticator,
        reports=around.reports,
        fast_paths=settings.fast,
    )


def _open_replica(
    settings: TemplatesSettings, engine: AsyncEngine, around: Surroundings, stack: AsyncExitStack
) -> Replica | None:
    """Open the replica for lists, if there is one. Raises SettingsError."""
    url, pool_size = settings.templates_read_database_url, settings.database_pool
    return open_replica(url, engine, stack, around.runtime.logger, pool_size=pool_size, setting=REPLICA_SETTING)
