"""What the services behind the gateway offer is documented at its own address."""

import json

from tests.unit.services.gateway.conftest import World

DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {"/users": {"get": {}}, "/users/{user_id}": {"put": {}}, "/internal/v1/contacts": {"post": {}}},
    "components": {"schemas": {"UserView": {"type": "object"}}},
}


async def test_a_services_document_is_shown_with_the_gateways_paths_and_without_internal_ones(world: World) -> None:
    world.users.body = json.dumps(DOCUMENT).encode()
    answer = await world.client.get("/docs/users.json", headers={"x-api-key": ""})
    assert answer.status_code == 200
    assert set(answer.json()["paths"]) == {"/api/v1/users", "/api/v1/users/{user_id}"}
    assert answer.json()["components"] == DOCUMENT["components"]
    assert world.users.asked[0].path == "/openapi.json"


async def test_without_the_service_the_page_is_still_there(world: World) -> None:
    world.users.status = 500
    assert (await world.client.get("/docs/users.json")).status_code == 503
    page = await world.client.get("/docs")
    assert page.status_code == 200
    assert "/docs/users.json /docs/templates.json" in page.text
