"""Hostile API keys are a 401, and a stolen database contains no usable key."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import jwt
import pytest

from angarium.contracts.errors import Unauthorized
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.platform.auth import credentials as api_keys
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.services.gateway.keys import ring as key_ring
from angarium.services.gateway.keys.store import KeyStore
from tests.support.clock import ManualClock
from tests.unit.services.gateway.conftest import API_KEY, SERVICE_TOKEN, World, build_world

KEYS = "/api/v1/keys"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        broker = MemoryBroker(SystemClock())
        stack.push_async_callback(broker.close)
        yield await build_world(stack, f"sqlite:///{tmp_path / 'notifications.db'}", broker, frozenset())


async def made(world: World) -> dict[str, str]:
    answer = await world.client.post(KEYS, json={"name": "shop", "scopes": ["notifications:read"]})
    data: dict[str, str] = answer.json()["data"]
    return data


async def status(world: World, key: str) -> int:
    headers = {**world.client.headers, "x-api-key": key}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return (await world.client.get("/api/v1/notifications", headers=encoded)).status_code


async def test_a_key_that_is_not_quite_right_is_refused(world: World) -> None:
    key = (await made(world))["key"]
    assert await status(world, key) == 200
    kind, secret = key[:9], key[9:]
    stored = api_keys.hash_key(key)
    for wrong in (
        f"ang_test_{secret}",
        f"ang_{secret}",
        secret,
        key.upper(),
        key[:-1],
        f"{key}a",
        f"{kind}{secret[:-1]}{'a' if secret[-1] != 'a' else 'b'}",
        f"{kind}{'a' * 40}",
        stored,
        f"{kind}{stored}",
        "' OR '1'='1",
        "*",
        "%",
        f"{key}\x7f",
        "\xff" * 20,  # as Latin-1 bytes
        "x" * 9000,
    ):
        assert await status(world, wrong) == 401, wrong


async def test_a_revoked_and_a_rotated_key_are_refused(world: World) -> None:
    first = await made(world)
    second = (await world.client.post(f"{KEYS}/{first['key_id']}/rotate")).json()["data"]
    assert [await status(world, key["key"]) for key in (first, second)] == [401, 200]
    await world.client.delete(f"{KEYS}/{second['key_id']}")
    assert await status(world, second["key"]) == 401


async def test_a_stolen_database_holds_no_key(world: World, tmp_path: Path) -> None:
    key = (await made(world))["key"]
    connection = sqlite3.connect(tmp_path / "notifications.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert api_keys.hash_key(key) in dump
    for secret in (key, key[9:], API_KEY, SERVICE_TOKEN):
        assert secret not in dump
        assert secret not in world.log.getvalue()


async def test_a_key_is_only_ever_looked_up_by_its_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guesser could time says nothing of the key itself."""
    asked: list[str] = []

    async def find(_: KeyStore, key_hash: str) -> None:
        asked.append(key_hash)

    monkeypatch.setattr(KeyStore, "find", find)
    assert await status(world, "ang_live_guess") == 401
    assert asked == [api_keys.hash_key("ang_live_guess")]


async def test_a_revoked_key_is_refused_everywhere_within_a_minute() -> None:
    """The gateway may have looked just before a key is revoked, and another service may ask at the end of that."""
    clock, revoked = ManualClock(), False

    def gateway(_: httpx2.Request) -> httpx2.Response:
        if revoked and clock.monotonic() >= key_ring.GOOD_FOR.total_seconds():
            return httpx2.Response(401, json={})
        return httpx2.Response(200, json={"data": {"tenant": "t", "name": "shop", "scopes": ["admin"]}})

    client = ServiceClient("http://gateway", service_token="t", name="gateway", transport=httpx2.MockTransport(gateway))
    remote = RemoteAuthenticator(client, "t", clock)
    revoked = True
    await clock.advance(key_ring.GOOD_FOR.total_seconds() - 0.001)
    await remote.authenticate({"x-api-key": "key"})
    await clock.advance(60 - clock.monotonic())
    with pytest.raises(Unauthorized):
        await remote.authenticate({"x-api-key": "key"})
    await client.close()


async def test_forged_own_tokens_are_refused(world: World) -> None:
    """A token with our key id is verified with our key only."""
    claims = {"iss": "angarium", "aud": "angarium", "sub": "x", "scope": "admin", "exp": 4_000_000_000}
    for key, algorithm in ((SERVICE_TOKEN * 2, "HS256"), ("angarium" * 4, "HS256"), (None, "none")):
        token = jwt.encode(claims, key, algorithm, headers={"kid": "angarium"})  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {token}", "x-api-key": ""}
        assert (await world.client.get("/api/v1/notifications", headers=headers)).status_code == 401
