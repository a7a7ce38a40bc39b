"""Whoever opts out gets nothing sent after it, whatever becomes of the cache meanwhile."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from tests.support.servers import Redis
from tests.support.system import DistributedSystem
from tests.support.system_verbs import new_email


async def _nothing(_: Redis) -> None:
    return None


FAULTS: Mapping[str, Callable[[Redis], Awaitable[None]]] = {
    "up": _nothing,
    "killed": Redis.kill,
    "flushed": Redis.flush,
    "frozen": Redis.freeze,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_opt_out_between_acceptance_and_send_counts(system: DistributedSystem, fault: str) -> None:
    address = new_email()
    template = await system.create_template(category="marketing")
    user = await system.create_user(email=address)
    body = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
    await system.deliver(**body)  # everybody has a copy of who they are and what they want
    system.freeze("email")
    accepted = await system.send(**body)
    await FAULTS[fault](system.redis)
    path = f"/api/v1/users/{user['user_id']}/preferences"
    off = await system.client.patch(path, json={"categories": {"marketing": {"email": False}}})
    assert off.status_code == 200, off.text
    system.thaw("email")
    found = await system.wait_for(accepted["notification_id"], "skipped")
    assert found["reason"]["code"] == "opted_out"
    assert len(system.sink.to(address)) == 1
