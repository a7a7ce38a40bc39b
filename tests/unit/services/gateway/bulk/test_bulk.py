"""`POST /api/v1/notifications/bulk`."""

from typing import Any
from uuid import uuid4

from angarium.contracts.messages import work_queue
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of

BULK = f"{PATH}/bulk"


async def test_reading_it_is_a_405_and_not_an_invalid_id(world: World) -> None:
    for method in ("GET", "HEAD"):
        answer = await world.client.request(method, BULK)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert error_of(await world.client.get(BULK))["code"] == "method_not_allowed"
    assert (await world.client.get(f"{PATH}/bulky")).status_code == 400


async def test_good_ones_are_accepted_and_bad_ones_refused_singly_in_order(world: World) -> None:
    items = [
        world.body(request_id="a"),
        world.body(request_id="b", user_id=str(uuid4())),
        world.body(request_id="c", variables={}),
        world.body(request_id="d", colour="red"),
        world.body(request_id="e", template_code="absent"),
        world.body(request_id=None, priority=0),
        world.body(request_id="a"),
        world.body(request_id="a", variables={"name": "Jane"}),
        world.body(request_id="f"),
    ]
    answer = await world.client.post(BULK, json={"notifications": items})
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert (data["accepted"], data["rejected"]) == (3, 6)
    results = data["results"]
    assert [result["index"] for result in results] == list(range(9))
    assert [result.get("request_id") for result in results] == ["a", "b", "c", "d", "e", None, "a", "a", "f"]
    codes = [result.get("error", {}).get("code") for result in results]
    assert codes == [
        None,
        "user_not_found",
        "validation_error",
        "validation_error",
        "template_not_found",
        "validation_error",
        None,
        "idempotency_conflict",
        None,
    ]
    assert [detail["field"] for detail in results[2]["error"]["details"]] == ["variables.name"]
    assert [detail["field"] for detail in results[3]["error"]["details"]] == ["colour"]
    assert results[1]["error"]["details"] == []
    assert results[0]["notification_id"] == results[6]["notification_id"]
    assert set(results[0]) == {"index", "request_id", "notification_id", "status"}
    assert set(results[1]) == {"index", "request_id", "error"}


async def test_items_that_are_no_objects_are_refused_singly(world: World) -> None:
    odd: list[Any] = [5, None, "x", [], world.body(request_id="a"), True]
    whole = {"notification_type": "email", "template_code": "welcome"}
    target = {"recipient": {"email": "jane@example.com"}, "variables": {"name": "Jane"}}
    for form in ({"notifications": odd}, {**whole, "recipients": [*odd[:4], target, True]}):
        answer = await world.client.post(BULK, json=form)
        assert answer.status_code == 202, answer.text
        data = answer.json()["data"]
        assert (data["accepted"], data["rejected"]) == (1, 5)
        faults = [result.get("error") for result in data["results"]]
        refused = {"code": "validation_error", "details": [{"field": "body", "message": "must be an object"}]}
        assert faults == [refused, refused, refused, refused, None, refused]


async def test_null_in_an_item_is_not_given(world: World) -> None:
    nulls = {"priority": None, "metadata": None, "fallback": None, "send_at": None}
    items = [world.body(request_id="a", **nulls), world.body(request_id="a")]
    data = (await world.client.post(BULK, json={"notifications": items})).json()["data"]
    assert data["accepted"] == 2
    assert len({result["notification_id"] for result in data["results"]}) == 1


async def test_one_template_for_many_recipients(world: World) -> None:
    recipients = [
        {"user_id": str(world.user_id), "variables": {"name": "John"}, "request_id": "a"},
        {"user_id": str(world.user_id), "variables": {}, "request_id": "b"},
        {"recipient": {"email": "jane@example.com"}, "variables": {"name": "Jane"}, "request_id": "c"},
    ]
    whole = {"notification_type": "email", "template_code": "welcome", "recipients": recipients}
    data = (await world.client.post(BULK, json=whole)).json()["data"]
    assert (data["accepted"], data["rejected"]) == (2, 1)


async def test_a_thousand_are_accepted_and_published(world: World) -> None:
    items = [world.body(request_id=f"r-{number}") for number in range(1000)]
    data = (await world.client.post(BULK, json={"notifications": items})).json()["data"]
    assert (data["accepted"], data["rejected"]) == (1000, 0)
    assert len({result["notification_id"] for result in data["results"]}) == 1000
    await world.gateway.drain()
    [queue] = await world.broker.stats([work_queue(Channel.EMAIL)])
    assert queue.messages == 1000


async def test_a_thousand_and_one_are_too_many(world: World) -> None:
    answer = await world.client.post(BULK, json={"notifications": [world.body()] * 1001})
    assert answer.status_code == 400
    assert fields_of(answer) == ["notifications"]


async def test_exactly_one_of_the_two_forms(world: World) -> None:
    wrong: list[dict[str, Any]] = [{}, {"notifications": []}, {"notifications": [world.body()], "recipients": [{}]}]
    for body in wrong:
        assert (await world.client.post(BULK, json=body)).status_code == 400
    answer = await world.client.post(BULK, json={"recipients": [{}], "template_code": "welcome"})
    assert fields_of(answer) == ["notification_type"]


async def test_a_bulk_may_be_larger_than_other_bodies(world: World) -> None:
    items = [world.body(request_id=f"r-{n}", variables={"name": "x" * 10_000}) for n in range(100)]
    assert (await world.client.post(BULK, json={"notifications": items})).status_code == 202
    answer = await world.client.post(BULK, content=b" " * (16 * 1024 * 1024 + 1))
    assert (answer.status_code, error_of(answer)["code"]) == (413, "payload_too_large")


async def test_an_item_beyond_256_kb_is_refused_singly(world: World) -> None:
    fits, large = {"name": "Ada", "x": "a" * 250_000}, {"name": "Ada", "x": "a" * 262_144}
    items = [
        world.body(request_id="a", variables=large),
        world.body(request_id="b", variables=fits),
        world.body(request_id="c", colour="a" * 262_144),
        world.body(request_id="d", variables={"name": "Ada", "x": "é" * 131_072}),
    ]
    data = (await world.client.post(BULK, json={"notifications": items})).json()["data"]
    assert (data["accepted"], data["rejected"]) == (1, 3)
    assert data["results"][1]["status"] == "pending"
    errors = [data["results"][index]["error"] for index in (0, 2, 3)]
    assert [error["code"] for error in errors] == ["payload_too_large"] * 3
    assert [error["details"][0]["field"] for error in errors] == ["variables", "colour", "variables"]
    assert "at most 262144" in errors[0]["details"][0]["message"]


async def test_a_recipient_beyond_256_kb_is_refused_singly(world: World) -> None:
    recipients = [
        {"user_id": str(world.user_id), "variables": {"name": "a" * 1_100_000}, "request_id": "a"},
        {"user_id": str(world.user_id), "variables": {"name": "Ada"}, "request_id": "b"},
    ]
    whole = {"notification_type": "email", "template_code": "welcome", "recipients": recipients}
    refused, accepted = (await world.client.post(BULK, json=whole)).json()["data"]["results"]
    assert (refused["request_id"], refused["error"]["code"]) == ("a", "payload_too_large")
    assert accepted["status"] == "pending"


async def test_a_directory_that_is_down_refuses_only_those_who_need_it(world: World) -> None:
    world.contacts.down = True
    items = [world.body(request_id="a"), world.body(request_id="b", user_id=None, recipient={"email": "a@b.example"})]
    results = (await world.client.post(BULK, json={"notifications": items})).json()["data"]["results"]
    assert results[0]["error"]["code"] == "service_unavailable"
    assert results[1]["status"] == "pending"


async def test_bulk_takes_the_scope_of_sending(world: World) -> None:
    key = await world.key(Scope.NOTIFICATIONS_READ)
    answer = await world.client.post(BULK, json={"notifications": [world.body()]}, headers=key)
    assert answer.status_code == 403


async def test_the_message_says_so_when_nothing_was_accepted(world: World) -> None:
    bad, good = world.body(request_id="a", variables={}), world.body(request_id="b")
    for items, message in (
        ([bad, bad], "No notification accepted"),
        ([bad, good], "Notifications accepted"),
        ([good], "Notifications accepted"),
    ):
        answer = await world.client.post(BULK, json={"notifications": items})
        assert (answer.status_code, answer.json()["message"]) == (202, message)
