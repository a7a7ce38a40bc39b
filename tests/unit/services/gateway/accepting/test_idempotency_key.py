"""`request_id` in the body, as the header `Idempotency-Key`, or left out."""

from typing import Any

import pytest

from angarium.services.gateway.accepting.idempotency import idempotency_key_of, with_idempotency_key
from tests.unit.services.gateway.conftest import PATH, World, fields_of

B2B = "/api/notifications/send"
MAIL = {"email": "ann@example.com", "subject": "Hello", "message": "<p>Hello</p>"}


def _key(value: str) -> dict[str, str]:
    return {"idempotency-key": value}


async def test_the_header_is_the_request_id(world: World) -> None:
    first = await world.send(_key("order-1"), request_id=None)
    again = await world.send(_key("order-1"), request_id=None)
    in_the_body = await world.send(request_id="order-1")
    assert first.json()["data"]["request_id"] == "order-1"
    for answer in (again, in_the_body):
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (202, "true")
        assert answer.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]
    other = await world.send(_key("order-1"), request_id=None, variables={"name": "Jane"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")


async def test_without_either_one_is_made_and_a_repeated_call_sends_again(world: World) -> None:
    answers = [
        await world.send(request_id=None),
        await world.client.post(PATH, json={**world.body(), "request_id": None}),
    ]
    made = {answer.json()["data"]["request_id"] for answer in answers}
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(made) == 2
    listed = (await world.client.get(PATH)).json()["data"]
    assert {row["request_id"] for row in listed} == made


async def test_header_and_body_may_both_be_given_when_they_are_the_same(world: World) -> None:
    assert (await world.send(_key("order-42"))).status_code == 202
    different = await world.send(_key("order-43"))
    assert (different.status_code, fields_of(different)) == (400, ["request_id"])


@pytest.mark.parametrize("value", ["", "x" * 256])
async def test_a_bad_header_is_a_400_that_names_it(world: World, value: str) -> None:
    for answer in (
        await world.send(_key(value), request_id=None),
        await world.client.post(B2B, json=MAIL, headers=_key(value)),
    ):
        assert (answer.status_code, fields_of(answer)) == (400, ["Idempotency-Key"])


async def test_a_body_that_is_wrong_itself_is_refused_for_that(world: World) -> None:
    bodies: list[Any] = [[], "text", {**world.body(), "request_id": 42}]
    for content in bodies:
        answer = await world.client.post(PATH, json=content, headers=_key("k"))
        assert answer.status_code == 400
        assert fields_of(answer)[0] in {"body", "request_id"}


async def test_a_bulk_has_a_request_id_for_each_item(world: World) -> None:
    items = [world.body(request_id="a"), world.body(request_id=None), world.body(request_id=None)]
    answer = await world.client.post(f"{PATH}/bulk", json={"notifications": items}, headers=_key("k"))
    named = [result["request_id"] for result in answer.json()["data"]["results"]]
    assert (answer.json()["data"]["accepted"], named[0], len(set(named))) == (3, "a", 3)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (B2B, MAIL),
        (f"{B2B}-verification", {"email": "a@example.com", "username": "a", "verification_link": "https://a.example"}),
    ],
)
async def test_the_b2b_surface_takes_the_header_too(world: World, path: str, body: dict[str, Any]) -> None:
    first = await world.client.post(path, json=body, headers=_key("k-1"))
    again = await world.client.post(path, json=body, headers=_key("k-1"))
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]
    different = await world.client.post(path, json={**body, "requestId": "k-2"}, headers=_key("k-1"))
    assert (different.status_code, fields_of(different)) == (400, ["request_id"])


def test_a_header_beyond_ascii_is_read_as_utf_8() -> None:
    as_the_server_reads_it = "Bestellung-ä".encode().decode("latin-1")
    assert idempotency_key_of(as_the_server_reads_it, "Bestellung-ä") == "Bestellung-ä"
    assert idempotency_key_of("\xe4", None) == "\xe4"
    assert with_idempotency_key({}, {"request_id": "a"}) == {"request_id": "a"}
    assert with_idempotency_key(_key("k"), {"request_id": None}) == {"request_id": "k"}


async def test_the_header_is_documented(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]
    for path in (PATH, B2B):
        names = [parameter["name"] for parameter in paths[path]["post"].get("parameters", ())]
        assert [name.lower() for name in names] == ["idempotency-key"]
