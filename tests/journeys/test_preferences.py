"""Preferences and quiet hours are respected."""

from typing import Any

import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email


async def _send(system: System, user: Json, **fields: Any) -> Json:
    template = await system.create_template(category="marketing")
    return await system.send(
        user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"}, **fields
    )


async def _skipped(system: System, address: str, accepted: Json) -> None:
    found = await system.wait_for(accepted["notification_id"], "skipped")
    assert found["delivery_status"] == "failed"
    assert found["reason"]["code"] == "opted_out"
    assert found["attempts"] == 0
    assert system.sink.to(address) == []
    assert await system.dead_letter(accepted["notification_id"]) is None


async def test_a_user_who_opted_out_of_the_channel_is_skipped(system: System) -> None:
    address = new_email()
    user = await system.create_user(email=address, preferences={"email": False})
    await _skipped(system, address, await _send(system, user))


async def test_a_changed_preference_applies_to_all_later_sends(system: System) -> None:
    address = new_email()
    user = await system.create_user(email=address)
    first = await _send(system, user)
    await system.wait_for(first["notification_id"], "sent")
    path = f"/api/v1/users/{user['user_id']}/preferences"
    off = await system.client.patch(path, json={"categories": {"marketing": {"email": False}}})
    assert off.status_code == 200, off.text
    second = await _send(system, user)
    found = await system.wait_for(second["notification_id"], "skipped")
    assert found["reason"]["code"] == "opted_out"
    other = await _send(system, user, category="security")
    await system.wait_for(other["notification_id"], "sent")
    assert len(system.sink.to(address)) == 2


@pytest.mark.parametrize(("priority", "status"), [(5, "scheduled"), (9, "sent")])
async def test_quiet_hours_defer_all_but_urgent_notifications(system: System, priority: int, status: str) -> None:
    user = await system.create_user(timezone="UTC")
    path = f"/api/v1/users/{user['user_id']}/preferences"
    quiet = {"quiet_hours": {"start": "00:00", "end": "23:59"}}
    assert (await system.client.patch(path, json=quiet)).status_code == 200
    accepted = await _send(system, user, priority=priority)
    found = await system.wait_for(accepted["notification_id"], status)
    if status == "scheduled":
        assert found["reason"]["code"] == "quiet_hours"
        assert found["attempts"] == 0


async def test_a_deleted_user_is_not_found(system: System) -> None:
    user = await system.create_user()
    path = f"/api/v1/users/{user['user_id']}"
    assert (await system.client.delete(path)).status_code in {200, 204}
    assert (await system.client.get(path)).status_code == 404
    template = await system.create_template()
    answer = await system.submit(user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "user_not_found"
