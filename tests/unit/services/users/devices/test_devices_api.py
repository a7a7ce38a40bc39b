from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.unit.services.users.conftest import Users

pytestmark = pytest.mark.slow

SUBSCRIPTION = {"endpoint": "https://push.example/1", "keys": {"p256dh": "BN", "auth": "k"}, "expirationTime": None}


@pytest.fixture
async def path(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/users", json={"name": "A", "email": "a@example.com"})
    return f"/users/{answer.json()['data']['user_id']}"


async def tokens(client: httpx2.AsyncClient, path: str) -> list[Any]:
    return [device["token"] for device in (await client.get(f"{path}/devices")).json()["data"]]


async def push_token(client: httpx2.AsyncClient, path: str) -> Any:
    return (await client.get(path)).json()["data"]["push_token"]


@pytest.mark.parametrize(
    "body",
    [
        {"platform": "fcm", "token": "abc", "name": "Pixel"},
        {"platform": "apns", "token": "0f" * 32},
        {"platform": "onesignal", "token": str(uuid4())},
        {"platform": "webpush", "token": SUBSCRIPTION},
    ],
)
async def test_a_device_is_registered_listed_and_forgotten(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"{path}/devices", json=body)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"2"'
    device = answer.json()["data"]
    assert {"name": None, **body}.items() <= device.items()
    listed = (await client.get(f"{path}/devices")).json()
    assert listed["data"] == [device]
    assert listed["meta"]["total"] == 1
    assert (await client.delete(f"{path}/devices/{device['device_id']}")).status_code == 200
    assert await tokens(client, path) == []
    gone = await client.delete(f"{path}/devices/{device['device_id']}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


async def test_the_same_token_again_is_the_same_device(client: httpx2.AsyncClient, path: str) -> None:
    reordered = dict(reversed(SUBSCRIPTION.items()))
    first = await client.post(f"{path}/devices", json={"platform": "webpush", "token": SUBSCRIPTION})
    again = await client.post(f"{path}/devices", json={"platform": "webpush", "token": reordered, "name": "Firefox"})
    assert again.json()["data"]["device_id"] == first.json()["data"]["device_id"]
    assert again.json()["data"]["name"] == "Firefox"
    assert len(await tokens(client, path)) == 1


WRONG: Sequence[tuple[Any, ...]] = [
    ({"platform": "pager", "token": "x"}, "platform"),
    ({"platform": "fcm"}, "token"),
    ({"platform": "fcm", "token": ""}, "token"),
    ({"platform": "fcm", "token": "a\nb"}, "token"),
    ({"platform": "fcm", "token": SUBSCRIPTION}, "token"),
    ({"platform": "webpush", "token": "abc"}, "token"),
    ({"platform": "webpush", "token": {"endpoint": "https://x"}}, "token"),
    ({"platform": "webpush", "token": {**SUBSCRIPTION, "x": "\x00"}}, "token"),
    ({"platform": "webpush", "token": {**SUBSCRIPTION, "x": "y" * 5000}}, "token"),
    ({"platform": "fcm", "token": "x", "is_push_token": True}, "is_push_token"),
]


async def test_what_is_wrong_is_named(client: httpx2.AsyncClient, path: str, subtests: pytest.Subtests) -> None:
    for body, named in WRONG:
        with subtests.test(body=body):
            answer = await client.post(f"{path}/devices", json=body)
            assert answer.status_code == 400
            assert named in {detail["field"] for detail in answer.json()["error"]["details"]}
    assert await tokens(client, path) == []


async def test_there_is_an_end_to_devices(client: httpx2.AsyncClient, path: str) -> None:
    for number in range(50):
        answer = await client.post(f"{path}/devices", json={"platform": "fcm", "token": f"t{number}"})
        assert answer.status_code == 201
    answer = await client.post(f"{path}/devices", json={"platform": "fcm", "token": "one-more"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    listed = (await client.get(f"{path}/devices?limit=30&page=2")).json()
    assert [device["token"] for device in listed["data"]] == [f"t{number}" for number in range(30, 50)]


async def test_push_token_is_the_token_of_one_fcm_device(client: httpx2.AsyncClient, path: str) -> None:
    await client.patch(path, json={"push_token": "one"})
    devices = (await client.get(f"{path}/devices")).json()["data"]
    assert [(device["platform"], device["token"]) for device in devices] == [("fcm", "one")]
    await client.post(f"{path}/devices", json={"platform": "fcm", "token": "other"})
    assert await push_token(client, path) == "one"
    await client.patch(path, json={"push_token": "two"})
    assert await push_token(client, path) == "two"
    assert sorted(await tokens(client, path)) == ["other", "two"]
    await client.patch(path, json={"push_token": None})
    assert await push_token(client, path) is None
    assert await tokens(client, path) == ["other"]


async def test_a_registered_device_may_become_the_push_token(client: httpx2.AsyncClient, path: str) -> None:
    await client.patch(path, json={"push_token": "one"})
    await client.post(f"{path}/devices", json={"platform": "fcm", "token": "two"})
    answer = await client.patch(path, json={"push_token": "two"})
    assert answer.status_code == 200
    assert await push_token(client, path) == "two"
    assert await tokens(client, path) == ["two"]


async def test_forgetting_the_device_takes_the_push_token_away(client: httpx2.AsyncClient, path: str) -> None:
    await client.patch(path, json={"push_token": "one"})
    device = (await client.get(f"{path}/devices")).json()["data"][0]
    await client.delete(f"{path}/devices/{device['device_id']}")
    assert await push_token(client, path) is None


async def _device(client: httpx2.AsyncClient, path: str, token: str) -> str:
    answer = await client.post(f"{path}/devices", json={"platform": "fcm", "token": token})
    device_id: str = answer.json()["data"]["device_id"]
    return device_id


async def test_dead_devices_are_removed_and_unknown_ones_are_skipped(
    users: Users, client: httpx2.AsyncClient, path: str
) -> None:
    dead, alive = await _device(client, path, "dead"), await _device(client, path, "alive")
    user_id = path.rpartition("/")[2]
    report = {
        "devices": [
            {"user_id": user_id, "device_id": dead},
            {"user_id": user_id, "device_id": str(uuid4())},
            {"user_id": str(uuid4()), "device_id": alive},
        ]
    }
    for removed in (1, 0):
        answer = await client.post("/internal/v1/dead-devices", json=report)
        assert (answer.status_code, answer.json()["data"]) == (200, {"removed": removed})
    assert await tokens(client, path) == ["alive"]
    stranger = users.client(tenant="other")
    await stranger.post("/internal/v1/dead-devices", json={"devices": [{"user_id": user_id, "device_id": alive}]})
    assert await tokens(client, path) == ["alive"]


@pytest.mark.parametrize("body", [{}, {"devices": "x"}, {"devices": [{"user_id": "x", "device_id": "y"}]}, []])
async def test_a_report_of_dead_devices_that_cannot_be_read_is_refused(client: httpx2.AsyncClient, body: Any) -> None:
    assert (await client.post("/internal/v1/dead-devices", json=body)).status_code == 400
