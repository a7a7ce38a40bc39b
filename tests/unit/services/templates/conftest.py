"""The templates service over each database, and those who may call it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx2
import pytest

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import ServiceTokens
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine
from angarium.services.templates.app import MIGRATIONS, TemplatesParts, TemplatesService
from tests.support.compiling import InThread
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime

KEYS: Mapping[str, Caller] = {
    "admin": Caller("default", "admin", frozenset({Scope.ADMIN})),
    "reader": Caller("default", "reader", frozenset({Scope.TEMPLATES_READ})),
    "other": Caller("other", "admin", frozenset({Scope.ADMIN})),
}


class Keys:
    """An authenticator that knows three keys and the service token."""

    def __init__(self) -> None:
        self._services = ServiceTokens("t" * 32)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        service = self._services.authenticate(headers)
        known = service or KEYS.get(headers.get("x-api-key", ""))
        if known is None:
            raise Unauthorized
        return known


@pytest.fixture
async def cache() -> AsyncIterator[MemoryCache]:
    memory = MemoryCache(SystemClock())
    yield memory
    await memory.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, cache: MemoryCache
) -> AsyncIterator[httpx2.AsyncClient]:
    url = f"sqlite:///{tmp_path / 'templates.db'}"
    if request.param != "sqlite":
        url = await request.getfixturevalue(request.param).create_database()
    engine = open_engine(url)
    await upgraded(engine, MIGRATIONS)
    clock = SystemClock()
    parts = TemplatesParts(
        runtime=a_runtime(clock=clock),
        engine=engine,
        cache=cache,
        authenticator=Keys(),
        compiling=InThread(),
    )
    transport = httpx2.ASGITransport(app=TemplatesService(parts).app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://t", headers={"x-api-key": "admin"}) as client:
        yield client
    await engine.dispose()
