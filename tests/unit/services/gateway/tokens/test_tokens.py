"""Tokens in exchange for a key, or for a user's email and password."""

from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest

from angarium.contracts.scopes import Scope
from tests.unit.services.gateway.conftest import PATH, SERVICE_TOKEN, World, error_of, fields_of

pytestmark = pytest.mark.slow

TOKEN, LOGIN = "/api/v1/auth/token", "/api/v1/auth/login"


async def exchange(world: World, key: dict[str, str], **body: Any) -> httpx2.Response:
    return await world.client.post(TOKEN, headers=key, json=body or None)


async def bearer(world: World, key: dict[str, str], **body: Any) -> dict[str, str]:
    answer = await exchange(world, key, **body)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['data']['access_token']}", "x-api-key": ""}


async def logged_in(world: World, user_id: UUID) -> dict[str, str]:
    """The header of a user whom the users service knows by their password."""
    world.users.body = b'{"success":true,"data":{"user_id":"%s"}}' % str(user_id).encode()
    answer = await world.client.post(LOGIN, json={"email": "ann@example.com", "password": "secret"})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['data']['access_token']}", "x-api-key": ""}


async def test_a_key_becomes_a_token_in_its_name(world: World) -> None:
    key = await world.key(Scope.NOTIFICATIONS_SEND, name="shop")
    answer = await exchange(world, key)
    data = answer.json()["data"]
    assert (data["token_type"], data["expires_in"]) == ("bearer", 900)
    assert answer.headers["cache-control"] == "no-store"
    claims = jwt.decode(data["access_token"], options={"verify_signature": False})
    assert {name: claims[name] for name in ("sub", "scope", "tenant", "iss", "aud")} == {
        "sub": "shop",
        "scope": "notifications:send",
        "tenant": "default",
        "iss": "angarium",
        "aud": "angarium",
    }
    assert claims["exp"] - claims["iat"] == 900
    by_token = await world.send(headers={"authorization": f"Bearer {data['access_token']}", "x-api-key": ""})
    by_key = await world.send(headers=key)
    assert by_token.status_code == 202
    assert by_key.json()["data"]["notification_id"] == by_token.json()["data"]["notification_id"]


async def test_a_token_may_do_less_than_its_key_never_more(world: World) -> None:
    key = await world.key(Scope.NOTIFICATIONS_SEND, Scope.NOTIFICATIONS_READ)
    less = await bearer(world, key, scopes=["notifications:read"])
    assert (await world.client.get(PATH, headers=less)).status_code == 200
    assert (await world.send(headers=less)).status_code == 403
    more = await exchange(world, key, scopes=["users:read"])
    assert (more.status_code, error_of(more)["code"]) == (403, "forbidden")


async def test_a_token_cannot_be_exchanged_again(world: World) -> None:
    token = await bearer(world, await world.key(Scope.ADMIN))
    assert (await world.client.post(TOKEN, headers=token)).status_code == 403


async def test_a_token_shares_the_limit_of_its_key(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": ["notifications:read"], "rate_limit": "3/hour"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    token = await bearer(world, key)
    statuses = [(await world.client.get(PATH, headers=headers)).status_code for headers in (key, token, key, token)]
    assert statuses == [200, 200, 429, 429]


async def test_what_a_test_key_or_its_token_sends_is_marked(world: World) -> None:
    body = {"name": "trial", "scopes": ["notifications:send"], "kind": "test"}
    made = (await world.client.post("/api/v1/keys", json=body)).json()["data"]["key"]
    assert made.startswith("ang_test_")
    key = {"x-api-key": made}
    token = await bearer(world, key)
    for number, (headers, marked) in enumerate(((key, True), (token, True), (None, False))):
        sent = await world.send(headers=headers, request_id=f"r-{number}")
        view = await world.client.get(f"{PATH}/{sent.json()['data']['notification_id']}")
        assert view.json()["data"]["test"] is marked


async def test_other_services_learn_all_of_a_token(world: World) -> None:
    token = await logged_in(world, world.user_id)
    body = {"bearer": token["authorization"].removeprefix("Bearer ")}
    answer = await world.client.post("/internal/v1/verify", json=body, headers={"x-service-token": SERVICE_TOKEN})
    data = answer.json()["data"]
    user_id = str(world.user_id)
    assert (data["name"], data["user_id"], data["scopes"], data["test"]) == (user_id, user_id, [], False)


async def test_the_users_service_judges_the_password(world: World) -> None:
    await logged_in(world, world.user_id)
    [asked] = world.users.asked
    assert (asked.method, asked.path) == ("POST", "/internal/v1/login")
    assert asked.headers["x-angarium-tenant"] == "default"
    assert asked.body == b'{"email":"ann@example.com","password":"secret"}'


@pytest.mark.parametrize(
    ("theirs", "headers", "ours", "code"),
    [
        (401, {}, 401, "unauthorized"),
        (429, {"retry-after": "60"}, 429, "rate_limited"),
        (500, {}, 503, "service_unavailable"),
        (404, {}, 503, "service_unavailable"),
    ],
)
async def test_a_refused_login(world: World, theirs: int, headers: dict[str, str], ours: int, code: str) -> None:
    world.users.status = theirs
    world.users.headers |= headers
    del world.client.headers["x-api-key"]
    answer = await world.client.post(LOGIN, json={"email": "ann@example.com", "password": "wrong-canary"})
    assert (answer.status_code, error_of(answer)["code"]) == (ours, code)
    assert answer.headers.get("retry-after") == headers.get("retry-after", "5" if ours == 503 else None)
    assert "canary" not in world.log.getvalue() + answer.text


async def test_a_login_names_what_is_missing(world: World) -> None:
    answer = await world.client.post(LOGIN, json={"username": "ann"})
    assert answer.status_code == 400
    assert set(fields_of(answer)) == {"email", "password", "username"}


async def test_a_user_is_sent_to_the_users_service_for_what_is_theirs(world: World) -> None:
    token = await logged_in(world, world.user_id)
    assert (await world.client.get(f"/api/v1/users/{world.user_id}", headers=token)).status_code == 200
    asked = world.users.asked[-1]
    assert asked.headers["x-angarium-user"] == str(world.user_id)
    assert asked.headers["x-angarium-scopes"] == "-"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/templates/welcome"),
        ("POST", PATH),
        ("GET", "/api/v1/keys"),
        ("GET", "/api/v1/audit"),
        ("GET", "/api/v1/dead-letters"),
        ("POST", TOKEN),
    ],
)
async def test_a_user_may_do_nothing_else(world: World, method: str, path: str) -> None:
    token = await logged_in(world, world.user_id)
    body = world.body() if method == "POST" and path == PATH else None
    assert (await world.client.request(method, path, headers=token, json=body)).status_code == 403


async def test_a_user_sees_only_their_own_notifications(world: World) -> None:
    token = await logged_in(world, world.contacts.add())
    other = await logged_in(world, world.user_id)
    made = (await world.send()).json()["data"]["notification_id"]
    for headers, status, listed in ((token, 404, []), (other, 200, [made])):
        found = await world.client.get(f"{PATH}?user_id={world.user_id}", headers=headers)
        assert [one["notification_id"] for one in found.json()["data"]] == listed
        for path in ("", "/status", "/events"):
            assert (await world.client.get(f"{PATH}/{made}{path}", headers=headers)).status_code == status
        assert (await world.client.post(f"{PATH}/{made}/cancel", headers=headers)).status_code == 403
