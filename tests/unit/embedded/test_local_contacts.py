"""The engines' way to users within one process says the same as a request to the users service."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4

import httpx2
import pytest

from angarium.directory import contact_cache
from angarium.directory.contacts import RestContacts
from angarium.directory.port import Contacts
from angarium.embedded.composition import Embedded, EmbeddedSettings, open_embedded
from angarium.embedded.contacts import LocalContacts
from angarium.embedded.one_port import OnePort
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.http.frame.app import ServiceApp
from angarium.platform.telemetry.logging import make_logger
from angarium.services.users.contacts.use_cases import StoredContacts

pytestmark = pytest.mark.slow
KEY = "ang_live_of_these_tests"


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Embedded]:
    settings = EmbeddedSettings.load(data_dir=tmp_path, mailbox_smtp_port=0, api_key=KEY, service_token="s" * 20)
    logger = make_logger("test", level="error", format="json", stream=io.StringIO())
    async with open_embedded(settings, logger=logger) as system:
        yield system


@pytest.fixture
async def client(system: Embedded) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=system.app)
    headers = {"x-api-key": KEY}
    async with httpx2.AsyncClient(transport=transport, base_url="http://angarium", headers=headers) as client:
        yield client


def _both_ways(system: Embedded) -> tuple[LocalContacts, Contacts]:
    local = system.parts.contacts
    assert isinstance(local, LocalContacts)
    return local, local._through_service


async def _create(client: httpx2.AsyncClient, name: str) -> UUID:
    body = {"name": name, "email": f"{name}@example.com", "push_token": "t", "preferences": {"sms": False}}
    answer = await client.post("/api/v1/users", json=body)
    return UUID(answer.raise_for_status().json()["data"]["user_id"])


async def test_it_answers_as_the_service_does(system: Embedded, client: httpx2.AsyncClient) -> None:
    local, service = _both_ways(system)
    wanted = {await _create(client, "ada"), await _create(client, "eve"), uuid4()}
    told = await local.current("default", wanted)
    assert told == await service.current("default", wanted)
    everywhere = {"default": wanted, "another": wanted}
    assert await local.current_of(everywhere) == await service.current_of(everywhere)
    assert await local.current_of(everywhere) == {
        **{("default", user_id): contact for user_id, contact in told.items()},
        **{("another", user_id): None for user_id in wanted},
    }
    assert sorted(contact.name for contact in told.values() if contact is not None) == ["ada", "eve"]
    assert await local.current("another", wanted) == dict.fromkeys(wanted)
    assert await local.current("default", ()) == {}


async def test_a_change_is_seen_at_once(system: Embedded, client: httpx2.AsyncClient) -> None:
    local, _ = _both_ways(system)
    user_id = await _create(client, "ada")
    before = (await local.current("default", {user_id}))[user_id]
    await client.put(f"/api/v1/users/{user_id}/preferences", json={"email": False})
    after = (await local.current("default", {user_id}))[user_id]
    assert (before and before.preferences.email, after and after.preferences.email) == (True, False)
    assert local.kept("default", user_id) is None
    assert await local.known("default", user_id) == after


async def test_without_the_database_the_copies_of_the_cache_go_on(
    system: Embedded, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> NoReturn:
        raise DatabaseUnavailable

    local, _ = _both_ways(system)
    user_id = await _create(client, "ada")
    before = await local.current("default", {user_id})
    monkeypatch.setattr(StoredContacts, "find", away)
    assert await local.current("default", {user_id, uuid4()}) == before


async def test_without_the_database_a_copy_from_before_the_last_change_does_not_count(
    system: Embedded, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> NoReturn:
        raise DatabaseUnavailable

    local, through_service = _both_ways(system)
    assert isinstance(through_service, RestContacts)
    user_id = await _create(client, "ada")
    [before] = await through_service._cache.get_many([contact_cache.key(user_id)])
    assert before is not None
    answer = await client.put(f"/api/v1/users/{user_id}/preferences", json={"email": False})
    assert answer.status_code == 200
    await through_service._cache.set_many({contact_cache.key(user_id): before}, contact_cache.LIFE)
    monkeypatch.setattr(StoredContacts, "find", away)
    assert await local.current("default", {user_id}) == {}


async def test_without_fast_paths_the_service_is_asked(tmp_path: Path) -> None:
    settings = EmbeddedSettings.load(data_dir=tmp_path, mailbox_smtp_port=0, api_key=KEY, fast_paths="off")
    logger = make_logger("test", level="error", format="json", stream=io.StringIO())
    async with open_embedded(settings, logger=logger) as system:
        assert isinstance(system.parts.contacts, RestContacts)
        assert isinstance(system.app, OnePort)
        apps = [system.app._gateway, *system.app._beside.values()]
        assert [app.direct for app in apps if isinstance(app, ServiceApp)] == [None] * 3
