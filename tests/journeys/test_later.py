"""Scheduled, expired and cancelled notifications."""

from datetime import UTC, datetime, timedelta
from typing import Any

from angarium.testing.smtp.script import Step
from tests.support.system import System
from tests.support.system_verbs import Json, new_email


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


async def _send(
    system: System, address: str, *, send_in: float | None = None, expires_in: float | None = None, **template: Any
) -> Json:
    code = (await system.create_template(**template))["code"]
    given = {"send_at": send_in, "expires_at": expires_in}
    times: Json = {name: _in(seconds) for name, seconds in given.items() if seconds is not None}
    return await system.send(recipient={"email": address}, template_code=code, variables={"name": "Ada"}, **times)


async def test_a_scheduled_notification_is_sent_at_its_time(system: System) -> None:
    address = new_email()
    accepted = await _send(system, address, send_in=1.5)
    assert accepted["status"] == "scheduled"
    assert accepted["delivery_status"] == "pending"
    found = await system.wait_for(accepted["notification_id"], "sent")
    assert datetime.fromisoformat(found["sent_at"]) >= datetime.fromisoformat(found["send_at"])
    assert len(system.sink.to(address)) == 1
    assert [event["event"] for event in await system.events(accepted["notification_id"])][:2] == [
        "accepted",
        "scheduled",
    ]


async def test_a_send_at_in_the_past_means_now(system: System) -> None:
    accepted = await _send(system, new_email(), send_in=-60)
    assert accepted["status"] == "pending"
    await system.wait_for(accepted["notification_id"], "sent")


async def test_an_expired_notification_is_not_sent(system: System) -> None:
    address = new_email()
    system.sink.script(address, Step(rcpt="451 4.7.1 later"))
    accepted = await _send(system, address, expires_in=1.5, retry_delays=["2s"])
    found = await system.wait_for(accepted["notification_id"], "expired")
    assert found["reason"]["code"] == "expired"
    assert found["delivery_status"] == "failed"
    assert system.sink.to(address) == []
    assert await system.dead_letter(accepted["notification_id"]) is None


async def test_a_scheduled_notification_can_be_cancelled_once(system: System) -> None:
    accepted = await _send(system, new_email(), send_in=3600)
    path = f"/api/v1/notifications/{accepted['notification_id']}/cancel"
    cancelled = await system.client.post(path)
    assert cancelled.status_code == 200, cancelled.text
    assert cancelled.json()["data"]["status"] == "cancelled"
    assert (await system.status(accepted["notification_id"]))["reason"]["code"] == "cancelled"
    again = await system.client.post(path)
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "conflict"


async def test_a_sent_notification_cannot_be_cancelled(system: System) -> None:
    accepted = await _send(system, new_email())
    await system.wait_for(accepted["notification_id"], "sent")
    answer = await system.client.post(f"/api/v1/notifications/{accepted['notification_id']}/cancel")
    assert answer.status_code == 409


async def test_a_retrying_notification_can_be_cancelled(system: System) -> None:
    address = new_email()
    system.sink.script(address, Step(rcpt="451 4.7.1 later"))
    accepted = await _send(system, address, retry_delays=["30s"])
    await system.wait_for(accepted["notification_id"], "retrying")
    answer = await system.client.post(f"/api/v1/notifications/{accepted['notification_id']}/cancel")
    assert answer.status_code == 200, answer.text
    assert (await system.status(accepted["notification_id"]))["status"] == "cancelled"
