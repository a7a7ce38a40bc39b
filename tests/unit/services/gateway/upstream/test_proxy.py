"""`/api/v1/users…` and `/api/v1/templates…`."""

import pytest

from angarium.contracts.scopes import Scope
from tests.unit.services.gateway.conftest import SERVICE_TOKEN, World, error_of

pytestmark = pytest.mark.slow

USERS, TEMPLATES = "/api/v1/users", "/api/v1/templates"


async def test_a_request_is_passed_on_whole(world: World) -> None:
    world.users.status, world.users.body = 201, b'{"success":true,"data":{"user_id":"1"}}'
    world.users.headers = {"content-type": "application/json", "etag": '"7"', "location": "/users/1"}
    answer = await world.client.post(
        f"{USERS}?dry=1", json={"name": "John"}, headers={"if-match": '"6"', "x-correlation-id": "c-9"}
    )
    assert answer.status_code == 201
    assert answer.content == world.users.body
    assert answer.headers["etag"] == '"7"'
    assert answer.headers["location"] == f"{USERS}/1"
    [asked] = world.users.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", "/users", "dry=1", b'{"name":"John"}')
    assert asked.headers["if-match"] == '"6"'
    assert asked.headers["x-service-token"] == SERVICE_TOKEN
    assert asked.headers["x-angarium-tenant"] == "default"
    assert asked.headers["x-angarium-caller"] == "default"
    assert asked.headers["x-correlation-id"] == "c-9"
    assert "x-api-key" not in asked.headers


@pytest.mark.parametrize("path", ["/7f9c/preferences", "/7f9c/devices/1", "/a%2Fb", "/7f9c/"])
async def test_the_path_goes_along(world: World, path: str) -> None:
    await world.client.get(f"{USERS}{path}")
    [asked] = world.users.asked
    assert asked.path == f"/users{path.rstrip('/')}"


async def test_a_405_says_what_the_path_allows(world: World) -> None:
    world.users.status, world.users.body = 405, b'{"success":false,"error":{"code":"method_not_allowed"}}'
    world.users.headers = {"content-type": "application/json", "allow": "GET, HEAD, POST"}
    answer = await world.client.put(USERS, json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_refusal_comes_back_as_it_is(world: World) -> None:
    world.users.status, world.users.body = 404, b'{"success":false,"error":{"code":"user_not_found"}}'
    answer = await world.client.get(f"{USERS}/1")
    assert (answer.status_code, answer.content) == (404, world.users.body)


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        (Scope.USERS_READ, "GET", USERS, True),
        (Scope.USERS_READ, "GET", f"{USERS}/1/preferences", True),
        (Scope.USERS_READ, "POST", USERS, False),
        (Scope.USERS_READ, "DELETE", f"{USERS}/1", False),
        (Scope.USERS_READ, "GET", TEMPLATES, False),
        (Scope.USERS_WRITE, "PATCH", f"{USERS}/1", True),
        (Scope.USERS_WRITE, "GET", f"{USERS}/1", False),
        (Scope.TEMPLATES_READ, "GET", f"{TEMPLATES}/welcome", True),
        (Scope.TEMPLATES_READ, "POST", f"{TEMPLATES}/welcome/preview", True),
        (Scope.TEMPLATES_READ, "POST", f"{TEMPLATES}/welcome/versions", False),
        (Scope.TEMPLATES_WRITE, "POST", f"{TEMPLATES}/welcome/versions", True),
        (Scope.ADMIN, "DELETE", f"{TEMPLATES}/welcome", True),
    ],
)
async def test_scopes(world: World, scope: Scope, method: str, path: str, allowed: bool) -> None:
    key = await world.key(scope)
    answer = await world.client.request(method, path, headers=key)
    assert answer.status_code == (200 if allowed else 403)
    assert len(world.users.asked) + len(world.template_service.asked) == allowed


async def test_without_a_key_nothing_is_asked(world: World) -> None:
    del world.client.headers["x-api-key"]
    assert (await world.client.get(USERS)).status_code == 401
    assert world.users.asked == []


async def test_a_client_cannot_name_its_own_tenant_or_scopes(world: World) -> None:
    await world.client.get(USERS, headers={"x-angarium-tenant": "other", "x-angarium-scopes": "admin"})
    [asked] = world.users.asked
    assert asked.headers["x-angarium-tenant"] == "default"


@pytest.mark.parametrize(
    "path", ["/%2e%2e/internal/v1/contacts", "/x/%2E%2E/%2e%2e/internal/v1/contacts", "/..%2finternal"]
)
async def test_paths_cannot_leave_the_services_public_paths(world: World, path: str) -> None:
    answer = await world.client.post(f"{USERS}{path}", json={"user_ids": []})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert world.users.asked == []


async def test_a_service_that_fails_is_a_503(world: World) -> None:
    world.users.status, world.users.headers = 502, {"content-type": "text/html"}
    answer = await world.client.get(USERS)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) > 0
