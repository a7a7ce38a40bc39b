"""The whole system, once for each file that asks for it."""

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.platform.telemetry.logging import make_logger
from tests.security.whole import OPERATOR, SERVICE_TOKEN, World, fill, new_tenant


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with composed(tmp_path_factory.mktemp("world")) as world:
        yield world


@asynccontextmanager
async def composed(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """The system over SQLite, or the databases that `settings` name; nothing is delivered."""
    log = io.StringIO()
    loaded = EmbeddedSettings.load(
        **settings,
        data_dir=folder,
        mailbox_smtp_port=0,
        api_key=OPERATOR["x-api-key"],
        service_token=SERVICE_TOKEN,
    )
    async with AsyncExitStack() as stack:
        logger = make_logger("test", level="debug", format="json", stream=log)
        system = await stack.enter_async_context(open_embedded(loaded, logger=logger))
        transport = httpx2.ASGITransport(app=system.app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://angarium"))
        world = World(system, client, log, await new_tenant(client, "a"), await new_tenant(client, "b"))
        await fill(world)
        yield world
