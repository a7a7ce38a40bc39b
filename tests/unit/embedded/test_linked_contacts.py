"""A worker process looks up users in its parent: the same answers, changes at once, and no answer from a copy."""

import io
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid4

import httpx2
import pytest

from angarium.directory.contacts import RestContacts
from angarium.embedded.composition import Embedded, EmbeddedSettings, open_embedded
from angarium.embedded.contacts import LinkedStoredContacts, LocalContacts, serve_contacts
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.clock import SystemClock
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.linked import LinkedExchange, serve_calls
from angarium.platform.link.link import Link
from angarium.platform.telemetry.logging import make_logger
from angarium.services.users.contacts.use_cases import StoredContacts

pytestmark = pytest.mark.slow
KEY, TOKEN = "ang_live_of_these_tests", "s" * 20


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Embedded]:
    settings = EmbeddedSettings.load(data_dir=tmp_path, mailbox_smtp_port=0, api_key=KEY, service_token=TOKEN)
    logger = make_logger("test", level="error", format="json", stream=io.StringIO())
    async with open_embedded(settings, logger=logger, delivering=False) as system:
        yield system


@pytest.fixture
async def links(system: Embedded) -> AsyncIterator[tuple[Link, Link]]:
    logger = make_logger("test", level="error", format="json", stream=io.StringIO())
    ours, theirs = socket.socketpair()
    async with AsyncExitStack() as stack:
        parent, child = await Link.over(ours, logger), await Link.over(theirs, logger)
        stack.push_async_callback(parent.close)
        stack.push_async_callback(child.close)
        serve_calls(parent, system.services)
        serve_contacts(parent, system.contacts)
        yield parent, child


@pytest.fixture
def service(links: tuple[Link, Link]) -> RestContacts:
    """The look-up by HTTP, as a worker has it, with an empty cache of its own."""
    exchange = LinkedExchange(links[1], "users")
    client = ServiceClient("http://users", service_token=TOKEN, name="users", exchange=exchange)
    return RestContacts(client, MemoryCache(SystemClock()), SystemClock())


@pytest.fixture
def linked(links: tuple[Link, Link], service: RestContacts) -> LocalContacts:
    return LocalContacts(LinkedStoredContacts(links[1]), service)


@pytest.fixture
async def client(system: Embedded) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=system.app)
    headers = {"x-api-key": KEY}
    async with httpx2.AsyncClient(transport=transport, base_url="http://angarium", headers=headers) as client:
        yield client


async def _create(client: httpx2.AsyncClient, name: str) -> UUID:
    answer = await client.post("/api/v1/users", json={"name": name, "email": f"{name}@example.com"})
    return UUID(answer.raise_for_status().json()["data"]["user_id"])


async def test_it_answers_as_the_service_does(
    linked: LocalContacts, service: RestContacts, client: httpx2.AsyncClient
) -> None:
    wanted = {await _create(client, "ada"), await _create(client, "eve"), uuid4()}
    found = await linked.current("default", wanted)
    assert found == await service.current("default", wanted)
    assert sorted(contact.name for contact in found.values() if contact is not None) == ["ada", "eve"]
    everywhere = {"default": wanted, "another": wanted}
    assert await linked.current_of(everywhere) == await service.current_of(everywhere)


async def test_an_opt_out_is_seen_at_once(linked: LocalContacts, client: httpx2.AsyncClient) -> None:
    user_id = await _create(client, "ada")
    before = (await linked.current("default", {user_id}))[user_id]
    await client.put(f"/api/v1/users/{user_id}/preferences", json={"email": False})
    after = (await linked.current("default", {user_id}))[user_id]
    assert (before and before.preferences.email, after and after.preferences.email) == (True, False)


async def test_without_the_database_there_is_no_answer(
    linked: LocalContacts, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> NoReturn:
        raise DatabaseUnavailable

    user_id = await _create(client, "ada")
    assert await linked.current("default", {user_id})
    monkeypatch.setattr(StoredContacts, "find", away)
    monkeypatch.setattr(StoredContacts, "find_of", away)
    assert await linked.current("default", {user_id}) == {}
    assert await linked.current_of({"default": {user_id}}) == {}


async def test_without_the_parent_there_is_no_answer(
    linked: LocalContacts, links: tuple[Link, Link], client: httpx2.AsyncClient
) -> None:
    user_id = await _create(client, "ada")
    assert await linked.current("default", {user_id})
    await links[0].close()
    assert await linked.current("default", {user_id}) == {}
