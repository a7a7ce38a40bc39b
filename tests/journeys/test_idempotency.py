"""Requests with the same `request_id` create one notification."""

import asyncio

from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name


async def _body(system: System, address: str) -> Json:
    template = await system.create_template()
    return {
        "recipient": {"email": address},
        "template_code": template["code"],
        "variables": {"name": "Ada"},
        "request_id": new_name("order"),
    }


async def test_fifty_concurrent_requests_with_one_request_id_create_one_notification(system: System) -> None:
    address = new_email()
    body = await _body(system, address)
    answers = await asyncio.gather(*(system.submit(**body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    [notification_id] = {answer.json()["data"]["notification_id"] for answer in answers}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert {answer.headers.get("Idempotent-Replayed") for answer in answers} == {None, "true"}
    await system.wait_for(notification_id, "sent")
    again = await system.submit(**body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["data"]["notification_id"] == notification_id
    listed = await system.client.get("/api/v1/notifications", params={"request_id": body["request_id"]})
    assert listed.json()["meta"]["total"] == 1
    assert len(system.sink.to(address)) == 1


async def test_another_body_with_the_same_request_id_is_a_conflict(system: System) -> None:
    body = await _body(system, new_email())
    await system.send(**body)
    answer = await system.submit(**{**body, "variables": {"name": "Grace"}})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_conflict"


async def test_request_ids_are_separate_per_caller(system: System) -> None:
    key = await system.client.post(
        "/api/v1/keys", json={"name": new_name("service"), "scopes": ["notifications:send", "notifications:read"]}
    )
    assert key.status_code == 201, key.text
    body = await _body(system, new_email())
    mine = await system.send(**body)
    theirs = await system.send(**body, headers={"X-API-Key": key.json()["data"]["key"]})
    assert mine["notification_id"] != theirs["notification_id"]
