"""A notification that fails on one channel continues on the next, and explains why."""

from typing import Any

from angarium.testing.smtp.script import Step
from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until


async def _of(system: System, first: str, metadata: str) -> Json:
    """The fallback of a notification."""
    found: list[Json] = []

    async def made() -> bool:
        answer = await system.client.get("/api/v1/notifications", params={"metadata[order]": metadata})
        found[:] = [view for view in answer.json()["data"] if view["fallback_of"] == first]
        return bool(found)

    await until(made, message="there is no fallback")
    return found[0]


async def _why(system: System, notification_id: str) -> Any:
    answer = await system.client.get(f"/api/v1/notifications/{notification_id}/why")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_refused_mail_falls_back_to_an_sms(system: System) -> None:
    address, order = new_email(), new_name("order")
    system.sink.script(address, Step(rcpt="550 5.1.1 no such user"))
    code = (await system.create_template(text="Hello {{ name }}"))["code"]
    accepted = await system.send(
        recipient={"email": address, "phone": "+14155550123"},
        template_code=code,
        variables={"name": "Ada"},
        fallback=["sms"],
        metadata={"order": order},
    )
    first = accepted["notification_id"]
    await system.wait_for(first, "failed")
    second = await _of(system, first, order)
    assert (second["notification_type"], second["request_id"]) == ("sms", f"{accepted['request_id']}#fallback-1")
    await system.wait_for(second["notification_id"], "sent")
    assert await system.dead_letter(first) is None
    why = await _why(system, first)
    assert why["summary"].endswith("It goes on by sms.")
    assert {"check": "origin", "result": "fallback"}.items() <= (await _why(system, second["notification_id"]))[
        "decisions"
    ][0].items()
