"""People's pages and users' files go through the gateway too."""

import pytest

from tests.unit.services.gateway.conftest import SERVICE_TOKEN, World, error_of

pytestmark = pytest.mark.slow

READER = {"accept": "text/html", "accept-language": "de"}
FORM = {"content-type": "application/x-www-form-urlencoded", "x-api-key": "", **READER}
CSV = {"content-type": "text/csv"}


@pytest.mark.parametrize("path", ["/preferences/a-B_9", "/unsubscribe/a-B_9"])
async def test_a_page_needs_no_key_and_keeps_what_protects_it(world: World, path: str) -> None:
    protection = {"content-security-policy": "default-src 'none'", "referrer-policy": "no-referrer"}
    world.users.headers, world.users.body = {"content-type": "text/html", **protection}, b"<html>"
    answer = await world.client.post(f"{path}?saved=1", content=b"email=on", headers=FORM)
    assert (answer.status_code, answer.content) == (200, b"<html>")
    assert {name: answer.headers[name] for name in protection} == protection
    [asked] = world.users.asked
    assert (asked.method, asked.path, asked.query, asked.body) == ("POST", path, "saved=1", b"email=on")
    assert asked.headers["x-angarium-scopes"] == "-"
    assert {name: asked.headers[name] for name in READER} == READER


@pytest.mark.parametrize("token", ["%2E%2E", "a%2F..%2Fusers", "a%00", "a b", "%C3%A9"])
async def test_what_is_no_token_leads_nowhere(world: World, token: str) -> None:
    answer = await world.client.get(f"/preferences/{token}")
    assert answer.status_code == 404
    assert world.users.asked == []


async def test_a_file_of_users_is_passed_on_as_it_is(world: World) -> None:
    world.users.status = 202
    body = b"name,email\n" + b"A,a@example.com\n" * 20_000
    answer = await world.client.post("/api/v1/users/import", content=body, headers=CSV)
    assert answer.status_code == 202
    [asked] = world.users.asked
    assert (asked.path, asked.headers["content-type"], asked.body) == ("/users/import", "text/csv", body)
    elsewhere = await world.client.post("/api/v1/users", content=b"name\n", headers=CSV)
    assert error_of(elsewhere)["code"] == "unsupported_media_type"


async def test_only_services_may_announce_erasures(world: World) -> None:
    user_id = world.contacts.add()
    sent = await world.send(user_id=str(user_id), recipient=None)
    notification_id = sent.json()["data"]["notification_id"]
    answer = await world.client.post("/internal/v1/erasures", json={"user_id": str(user_id)})
    assert answer.status_code == 403
    headers = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "default", "x-api-key": ""}
    told = await world.client.post("/internal/v1/erasures", json={"user_id": str(user_id)}, headers=headers)
    assert (told.status_code, told.json()["data"]["sending"], told.json()["data"]["done"]) == (200, 0, True)
    found = (await world.client.get(f"/api/v1/notifications/{notification_id}")).json()["data"]
    assert (found["status"], found["variables"], found["user_id"]) == ("cancelled", {}, str(user_id))
