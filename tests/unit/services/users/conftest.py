"""The users service over each database, without sockets."""

import io
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.preference_links import PreferenceLinks
from angarium.platform.auth.passwords import Passwords
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.cache.port import Cache
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine, writing
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.server.switchboard import Switchboard
from angarium.platform.telemetry.logging import make_logger
from angarium.services.users.app import MIGRATIONS, UsersParts, UsersService
from angarium.services.users.schema import SCHEMAS
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime
from tests.support.servers import MariaDB, PostgreSQL

TOKEN = "a-service-token-of-the-tests"


@dataclass
class Users:
    """The service in a test's hands."""

    service: UsersService
    app: FastAPI
    engine: AsyncEngine
    cache: Cache
    log: io.StringIO
    gateway: ServiceClient
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, tenant: str = "default", scopes: str = "users:read users:write") -> httpx2.AsyncClient:
        headers = {"x-service-token": TOKEN, "x-angarium-tenant": tenant, "x-angarium-scopes": scopes}
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app), base_url="http://users", headers=headers
        )
        self.clients.append(client)
        return client


@pytest.fixture(scope="session")
def migrated() -> dict[str, str]:
    """URLs of databases with the whole schema, by technology: migrating takes longer than a test."""
    return {}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def engine(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    migrated: dict[str, str],
) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        if "sqlite" not in migrated:
            migrated["sqlite"] = str(tmp_path_factory.mktemp("users") / "migrated.db")
            await _migrate(f"sqlite:///{migrated['sqlite']}")
        url = f"sqlite:///{tmp_path / 'users.db'}"
        shutil.copyfile(migrated["sqlite"], tmp_path / "users.db")
    else:
        server: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
        await server.start()
        if request.param not in migrated:
            migrated[request.param] = await server.create_database()
            await _migrate(migrated[request.param])
        url = migrated[request.param]
    opened = open_engine(url)
    if request.param != "sqlite":
        async with writing(opened) as connection:
            for metadata in SCHEMAS:
                for table in reversed(metadata.sorted_tables):
                    await connection.execute(delete(table))
    yield opened
    await opened.dispose()


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    await upgraded(engine, MIGRATIONS)
    await engine.dispose()


@pytest.fixture
def build() -> Callable[[AsyncEngine, Cache], Users]:
    def build(engine: AsyncEngine, cache: Cache) -> Users:
        clock = SystemClock()
        gateway = ServiceClient(
            "http://gateway", service_token=TOKEN, name="gateway", transport=Switchboard().transport(), clock=clock
        )
        log = io.StringIO()
        parts = UsersParts(
            runtime=a_runtime(clock=clock, logger=make_logger("users", level="debug", stream=log, format="json")),
            engine=engine,
            cache=cache,
            authenticator=RemoteAuthenticator(gateway, TOKEN, clock),
            links=PreferenceLinks(TOKEN, clock),
            mandatory=("security",),
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
        )
        service = UsersService(parts)
        return Users(service, service.app, engine, cache, log, gateway)

    return build


@pytest.fixture
async def users(engine: AsyncEngine, build: Callable[[AsyncEngine, Cache], Users]) -> AsyncIterator[Users]:
    users = build(engine, MemoryCache(SystemClock()))
    yield users
    for client in users.clients:
        await client.aclose()
    await users.service.imports.close()
    await users.gateway.close()


@pytest.fixture
def client(users: Users) -> httpx2.AsyncClient:
    return users.client()
