"""Retries on schedule, permanent failures, dead letters and their replay."""

import itertools
from functools import partial

import pytest

from angarium.testing.smtp.script import Step
from tests.support.system import DistributedSystem, System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

DELAYS = [0.1, 0.2, 0.4]
LATE = 3.0  # seconds that a retry may be late on a loaded machine; it must never be early
GREYLISTED = Step(rcpt="451 4.7.1 greylisted")
UNKNOWN_USER = Step(rcpt="550 5.1.1 no such user")
REFUSED = Step(rcpt="554 5.6.0 refused")
"""A permanent refusal that is not about the address, so the address is not suppressed."""


async def _send(system: System, address: str) -> Json:
    template = await system.create_template()
    return await system.send(recipient={"email": address}, template_code=template["code"], variables={"name": "Ada"})


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


@pytest.mark.fault(24)
async def test_a_greylisted_mail_is_retried_on_schedule(system: System) -> None:
    address = new_email()
    system.sink.script(address, GREYLISTED, GREYLISTED)
    accepted = await _send(system, address)
    found = await system.wait_for(accepted["notification_id"], "sent")
    assert found["attempts"] == 3
    assert found["reason"] is None
    assert len(system.sink.to(address)) == 1
    gaps = _gaps(system.sink.tries(address))
    assert len(gaps) == 2
    assert all(delay <= gap < delay + LATE for gap, delay in zip(gaps, DELAYS[:2], strict=True)), gaps
    attempts = [event for event in await system.events(accepted["notification_id"]) if event["event"] == "attempt"]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3]
    assert [attempt["outcome"] for attempt in attempts] == ["retry", "retry", "sent"]
    assert attempts[0]["answer"] == "451 4.7.1 greylisted"
    assert attempts[0]["next_at"] > attempts[0]["at"]
    assert "next_at" not in attempts[2]


@pytest.mark.fault(25)
async def test_a_permanent_refusal_is_not_retried(system: System) -> None:
    address = new_email()
    system.sink.script(address, UNKNOWN_USER)
    accepted = await _send(system, address)
    found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["delivery_status"] == "failed"
    assert found["attempts"] == 1
    assert found["reason"]["message"] == "550 5.1.1 no such user"
    letter = await system.dead_letter(accepted["notification_id"])
    assert letter is not None
    assert letter["channel"] == "email"
    assert letter["attempts"] == 1
    assert letter["reason"] == found["reason"]
    assert len(system.sink.tries(address)) == 1
    assert [event["event"] for event in await system.events(accepted["notification_id"])][-2:] == [
        "failed",
        "dead_lettered",
    ]


async def test_exhausted_retries_end_in_a_dead_letter_whose_replay_is_delivered_once(system: System) -> None:
    address = new_email()
    system.sink.script(address, *[Step(rcpt="421 4.3.2 shutting down")] * 4)
    accepted = await _send(system, address)
    notification_id = accepted["notification_id"]
    found = await system.wait_for(notification_id, "failed")
    assert found["attempts"] == 4
    assert found["reason"]["code"] == "retries_exhausted"
    gaps = _gaps(system.sink.tries(address))
    assert len(gaps) == 3
    assert all(delay <= gap < delay + LATE for gap, delay in zip(gaps, DELAYS, strict=True)), gaps
    letter = await system.dead_letter(notification_id)
    assert letter is not None
    assert letter["reason"]["code"] == "retries_exhausted"
    assert letter["attempts"] == 4
    one = await system.client.get(f"/api/v1/dead-letters/{letter['id']}")
    assert one.json()["data"] == letter

    replayed = await system.client.post(f"/api/v1/dead-letters/{letter['id']}/replay")
    assert replayed.status_code == 200, replayed.text
    assert replayed.json()["data"] == {"matched": 1, "replayed": 1, "dry_run": False}
    assert await system.dead_letter(notification_id) is None
    found = await system.wait_for(notification_id, "sent")
    assert len(system.sink.to(address)) == 1
    assert found["template_version"] == 1
    assert "replayed" in [event["event"] for event in await system.events(notification_id)]
    again = await system.client.post(f"/api/v1/dead-letters/{letter['id']}/replay")
    assert again.status_code == 404


async def test_dead_letters_are_filtered_grouped_replayed_and_discarded(system: System) -> None:
    template = await system.create_template()
    code = template["code"]
    ids = []
    for _ in range(3):
        address = new_email()
        system.sink.script(address, REFUSED)
        accepted = await system.send(recipient={"email": address}, template_code=code, variables={"name": "Ada"})
        ids.append(accepted["notification_id"])
    for notification_id in ids:
        await system.wait_for(notification_id, "failed")
    assert {letter["notification_id"] for letter in await system.dead_letters(template_code=code)} == set(ids)
    assert await system.dead_letters(template_code=code, channel="sms") == []
    assert await system.dead_letters(template_code=code, older_than="2020-01-01T00:00:00Z") == []
    [group] = await system.dead_letters(template_code=code, group_by="reason")
    assert group["channel"] == "email"
    assert group["count"] == 3

    filtered = {"filter": {"template_code": code}}
    counted = await system.client.post("/api/v1/dead-letters/replay", json={**filtered, "dry_run": True})
    assert counted.json()["data"] == {"matched": 3, "replayed": 0, "dry_run": True}
    first = (await system.dead_letters(template_code=code))[0]
    assert (await system.client.delete(f"/api/v1/dead-letters/{first['id']}")).status_code == 200
    assert (await system.status(first["notification_id"]))["status"] == "failed"
    replayed = await system.client.post("/api/v1/dead-letters/replay", json=filtered)
    assert replayed.json()["data"] == {"matched": 2, "replayed": 2, "dry_run": False}
    for notification_id in set(ids) - {first["notification_id"]}:
        await until(partial(_is_sent, system, notification_id), 20)
    assert await system.dead_letters(template_code=code) == []


async def _is_sent(system: System, notification_id: str) -> bool:
    found = await system.status(notification_id)
    return bool(found["status"] == "sent")


@pytest.mark.parametrize(
    "shared_system", [pytest.param("distributed", marks=pytest.mark.distributed)], indirect=True, scope="package"
)
async def test_the_dead_letter_queue_follows_the_list(system: DistributedSystem) -> None:
    for letter in await system.dead_letters():
        await system.client.delete(f"/api/v1/dead-letters/{letter['id']}")
    address = new_email()
    system.sink.script(address, UNKNOWN_USER)
    accepted = await _send(system, address)
    await system.wait_for(accepted["notification_id"], "failed")

    async def queued() -> int:
        return sum(await system.queue("failed.queue"))

    async def holds_one() -> bool:
        return await queued() >= 1

    await until(holds_one, 10, interval=0.5)
    [listed] = await system.dead_letters()
    assert listed["notification_id"] == accepted["notification_id"]
    await system.client.post(f"/api/v1/dead-letters/{listed['id']}/replay")

    async def holds_none() -> bool:
        return await queued() == 0

    await until(holds_none, 60, interval=1.0)


async def test_a_notification_fails_without_an_address(system: System) -> None:
    user = await system.create_user()
    template = await system.create_template(channel="sms")
    accepted = await system.send(
        notification_type="sms", user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"}
    )
    found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["reason"]["code"] == "no_address"


@pytest.mark.parametrize(
    ("channel", "parts"),
    [
        ("sms", {"text": "{% if x %}Hello{% endif %}"}),
        ("push", {"body": " {{ x }}"}),
        ("email", {"content": "<p>{{ x }}</p>"}),
    ],
)
async def test_an_empty_message_is_not_sent(system: System, channel: str, parts: Json) -> None:
    body = {"code": new_name("empty"), "channel": channel, "required_variables": [], **parts}
    made = await system.client.post("/api/v1/templates", json=body)
    assert made.status_code == 201, made.text
    recipient = {"email": new_email(), "phone": "+14155550134", "push_token": "token123"}
    accepted = await system.send(notification_type=channel, recipient=recipient, template_code=body["code"])
    found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["reason"]["code"] == "empty_message"


@pytest.mark.parametrize(
    ("channel", "recipient"),
    [
        ("email", {"email": "not an address"}),
        ("sms", {"phone": "+1555"}),
        ("push", {"push_token": "not a token!"}),
    ],
)
async def test_a_bad_address_is_refused_at_acceptance(system: System, channel: str, recipient: Json) -> None:
    template = await system.create_template(channel=channel)
    body = {"notification_type": channel, "template_code": template["code"], "variables": {"name": "Ada"}}
    answer = await system.submit(**body, recipient=recipient)
    assert answer.status_code == 400, answer.text
    [detail] = answer.json()["error"]["details"]
    assert detail["field"] == f"recipient.{next(iter(recipient))}"
    item = {**body, "recipient": recipient, "request_id": new_name("bad")}
    bulk = await system.client.post("/api/v1/notifications/bulk", json={"notifications": [item]})
    [result] = bulk.json()["data"]["results"]
    assert result["error"]["details"][0]["field"] == detail["field"]
