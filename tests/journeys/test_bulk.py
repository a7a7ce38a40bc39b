"""Bulk requests: valid and invalid items, and the size limits."""

from uuid import uuid4

import pytest

from tests.support.system import System
from tests.support.system_verbs import new_email, new_name

BULK = "/api/v1/notifications/bulk"


async def test_invalid_items_of_a_bulk_are_refused_separately(system: System) -> None:
    template = await system.create_template()
    addresses = [new_email(), new_email()]
    ids = [new_name("bulk") for _ in range(6)]
    whole = {"notification_type": "email", "template_code": template["code"], "variables": {"name": "Ada"}}
    items = [
        {**whole, "recipient": {"email": addresses[0]}, "request_id": ids[0]},
        {**whole, "user_id": str(uuid4()), "request_id": ids[1]},
        {**whole, "recipient": {"email": new_email()}, "request_id": ids[2], "variables": {}},
        {**whole, "recipient": {"email": new_email()}, "request_id": ids[3], "colour": "red"},
        {**whole, "recipient": {"email": new_email()}, "request_id": ids[4], "template_code": "no.such"},
        {**whole, "recipient": {"email": addresses[1]}, "request_id": ids[5]},
    ]
    answer = await system.client.post(BULK, json={"notifications": items})
    assert answer.status_code == 202, answer.text
    data = answer.json()["data"]
    assert (data["accepted"], data["rejected"]) == (2, 4)
    results = data["results"]
    assert [result["index"] for result in results] == list(range(6))
    assert [result["request_id"] for result in results] == ids
    assert [result.get("error", {}).get("code") for result in results] == [
        None,
        "user_not_found",
        "validation_error",
        "validation_error",
        "template_not_found",
        None,
    ]
    assert results[2]["error"]["details"][0]["field"] == "variables.name"
    assert "notification_id" not in results[1]
    for index, address in ((0, addresses[0]), (5, addresses[1])):
        assert results[index]["status"] == "pending"
        await system.wait_for(results[index]["notification_id"], "sent")
        assert len(system.sink.to(address)) == 1


async def test_one_template_is_sent_to_many_recipients(system: System) -> None:
    template = await system.create_template()
    users = [await system.create_user() for _ in range(3)]
    recipients = [
        {"user_id": user["user_id"], "variables": {"name": user["name"]}, "request_id": new_name("bulk")}
        for user in users
    ]
    body = {"notification_type": "email", "template_code": template["code"], "recipients": recipients}
    answer = await system.client.post(BULK, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["accepted"] == 3
    for user, result in zip(users, answer.json()["data"]["results"], strict=True):
        await system.wait_for(result["notification_id"], "sent")
        assert len(system.sink.to(user["email"])) == 1
    again = await system.client.post(BULK, json=body)
    assert [result["notification_id"] for result in again.json()["data"]["results"]] == [
        result["notification_id"] for result in answer.json()["data"]["results"]
    ]


@pytest.mark.fault(46)
async def test_an_item_of_a_megabyte_is_refused_separately_in_both_forms(system: System) -> None:
    template = await system.create_template()
    large, fits = {"name": "Ada", "x": "a" * 1_100_000}, {"name": "Ada", "x": "a" * 250_000}
    addresses = [new_email(), new_email()]
    items = [
        {"recipient": {"email": new_email()}, "variables": large, "request_id": new_name("large")},
        {"recipient": {"email": addresses[0]}, "variables": fits, "request_id": new_name("fits")},
        {"recipient": {"email": addresses[1]}, "variables": {"name": "Ada"}, "request_id": new_name("small")},
    ]
    whole = {"notification_type": "email", "template_code": template["code"]}
    short = await system.client.post(BULK, json={**whole, "recipients": items})
    full = await system.client.post(BULK, json={"notifications": [{**whole, **item} for item in items]})
    for answer in (short, full):
        assert answer.status_code == 202, answer.text
        refused, *accepted = answer.json()["data"]["results"]
        assert refused["error"]["code"] == "payload_too_large"
        assert refused["error"]["details"][0]["field"] == "variables"
        for result in accepted:
            await system.wait_for(result["notification_id"], "sent")
    for address in addresses:
        assert len(system.sink.to(address)) == 1


async def test_a_bulk_has_at_most_a_thousand_items(system: System) -> None:
    template = await system.create_template()
    items = [
        {
            "notification_type": "email",
            "recipient": {"email": new_email()},
            "template_code": template["code"],
            "variables": {"name": "Ada"},
            "request_id": new_name("bulk"),
            "send_at": "2030-01-01T00:00:00Z",
        }
        for _ in range(1001)
    ]
    too_many = await system.client.post(BULK, json={"notifications": items})
    assert too_many.status_code == 400
    assert too_many.json()["error"]["code"] == "validation_error"
    ids = await system.send_many(items[:1000])
    assert len(set(ids)) == 1000
