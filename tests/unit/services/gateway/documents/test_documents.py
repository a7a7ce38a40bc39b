"""The documents of the services behind the gateway: each at its own address, and all of them in one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from angarium.platform.http.client.client import ServiceClient
from angarium.services.gateway.documents.use_cases import KEPT, MISSING, Documents
from tests.support.clock import ManualClock
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.scripted_service import Upstream

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {"/users": {"get": {}}, "/users/{user_id}": {"put": {}}, "/internal/v1/contacts": {"post": {}}},
    "components": {"schemas": {"UserView": {"type": "object"}}},
}
USERS = json.dumps(DOCUMENT).encode()
TEMPLATES = b'{"openapi": "3.1.0", "paths": {"/templates": {"get": {}}}, "components": {}}'


def serve(world: World) -> None:
    world.users.body, world.template_service.body = USERS, TEMPLATES


async def test_a_service_that_is_away_has_no_document(world: World) -> None:
    world.users.status = 500
    assert (await world.client.get("/docs/users.json")).status_code == 503
    assert (await world.client.get("/openapi.json")).status_code == 200
    assert (await world.client.get("/docs")).status_code == 200


async def test_a_services_document_is_shown_with_the_gateways_paths_and_without_internal_ones(world: World) -> None:
    serve(world)
    answer = await world.client.get("/docs/users.json", headers={"x-api-key": ""})
    assert answer.status_code == 200
    assert set(answer.json()["paths"]) == {"/api/v1/users", "/api/v1/users/{user_id}"}
    assert answer.json()["components"] == DOCUMENT["components"]
    assert world.users.asked[0].path == "/openapi.json"


async def test_the_gateways_document_has_the_operations_of_all_services(world: World) -> None:
    serve(world)
    answer = await world.client.get("/openapi.json", headers={"x-api-key": ""})
    document = answer.json()
    paths = {"/api/v1/users", "/api/v1/users/{user_id}", "/api/v1/templates", "/api/v1/notifications"}
    assert paths <= set(document["paths"])
    assert not any(path.startswith("/internal/") for path in document["paths"])
    assert document["components"]["schemas"].keys() >= {"UserView", "NotificationView"}
    assert document["servers"] == [{"url": "/", "description": "This gateway"}]
    assert MISSING not in document
    tagged = {tag for item in document["paths"].values() for one in item.values() for tag in one.get("tags", ())}
    assert tagged <= {tag["name"] for tag in document["tags"]}
    again = await world.client.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.fixture
async def services() -> AsyncIterator[tuple[Documents, Upstream, ManualClock]]:
    """The documents of a users and a templates service; the clock by which they are kept."""
    users, templates, clock = Upstream("users", body=USERS), Upstream("templates", body=TEMPLATES), ManualClock()
    clients = {
        one.name: ServiceClient(
            "http://x", service_token=None, name=one.name, transport=httpx2.ASGITransport(app=one.app)
        )
        for one in (users, templates)
    }
    yield Documents(clients, clock), users, clock
    for client in clients.values():
        await client.close()


async def paths_of(documents: Documents) -> set[str]:
    """The paths of the merged document, and the names of the services that are missing with a `!`."""
    document = json.loads(await documents.all(lambda: {"paths": {"/own": {}}}))
    return {*document["paths"], *(f"!{name}" for name in document.get(MISSING, ()))}


async def test_a_document_is_asked_for_once_a_minute(services: tuple[Documents, Upstream, ManualClock]) -> None:
    documents, users, clock = services
    everything = {"/own", "/api/v1/users", "/api/v1/users/{user_id}", "/api/v1/templates"}
    for _ in range(3):
        assert await paths_of(documents) == everything
    assert len(users.asked) == 1
    await clock.advance(KEPT.total_seconds())
    users.body = json.dumps({"paths": {"/users/new": {}}}).encode()
    assert await paths_of(documents) == {"/own", "/api/v1/users/new", "/api/v1/templates"}


async def test_a_service_that_is_away_is_named_and_its_last_document_stays(
    services: tuple[Documents, Upstream, ManualClock],
) -> None:
    documents, users, clock = services
    users.status = 500
    assert await paths_of(documents) == {"/own", "/api/v1/templates", "!users"}
    users.status = 404
    assert await paths_of(documents) == {"/own", "/api/v1/templates", "!users"}
    users.status = 200
    everything = {"/own", "/api/v1/users", "/api/v1/users/{user_id}", "/api/v1/templates"}
    assert await paths_of(documents) == everything
    await clock.advance(KEPT.total_seconds())
    users.status = 500
    assert await paths_of(documents) == everything
