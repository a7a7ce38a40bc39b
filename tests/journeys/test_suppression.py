"""Nothing is sent to an address on the suppression list, for whichever reason it is listed."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from angarium.testing.smtp.script import Step
from tests.support.command import run_angarium
from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name, new_phone
from tests.support.wait import until

PATH = "/api/v1/suppressions"


async def _suppress(system: System, address: str, **body: Any) -> Json:
    answer = await system.client.post(PATH, json={"channel": "email", "address": address, **body})
    assert answer.status_code == 200, answer.text
    entry: Json = answer.json()["data"]
    return entry


async def _listed(system: System, **query: str) -> list[Json]:
    answer = await system.client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    entries: list[Json] = answer.json()["data"]
    return entries


async def _skipped(system: System, recipient: Json, template: Json, reason: str, **fields: Any) -> None:
    """A notification to `recipient` ends as skipped with this reason."""
    sent = await system.send(recipient=recipient, template_code=template["code"], variables={"name": "Ada"}, **fields)
    ended = await system.wait_for(sent["notification_id"], "skipped")
    assert (ended["reason"]["code"], ended["attempts"]) == ("suppressed", 0)
    assert await system.dead_letter(sent["notification_id"]) is None
    why = (await system.client.get(f"/api/v1/notifications/{sent['notification_id']}/why")).json()["data"]
    assert reason in why["summary"]


async def test_a_suppressed_address_is_skipped_until_the_entry_is_removed(system: System) -> None:
    address, template = new_email(), await system.create_template()
    entry = await _suppress(system, address)
    await _skipped(system, {"email": address}, template, "manual from api")
    assert (await system.client.delete(f"{PATH}/{entry['id']}")).status_code == 200
    await system.deliver(recipient={"email": address}, template_code=template["code"], variables={"name": "Ada"})


async def test_a_hard_bounce_suppresses_the_address(system: System) -> None:
    address, template = new_email(), await system.create_template()
    system.sink.script(address, Step(rcpt="550 5.1.1 no such user"))
    user = await system.create_user(email=address)
    bounced = await system.send(user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"})
    await system.wait_for(bounced["notification_id"], "failed")
    [entry] = await _listed(system, address=address)
    assert (entry["channel"], entry["reason"], entry["source"]) == ("email", "hard_bounce", "smtp")
    await _skipped(system, {"email": address.upper()}, template, "hard_bounce from smtp")


async def test_a_failure_report_suppresses_no_address(system: System) -> None:
    address, template = new_email(), await system.create_template()
    sent = await system.deliver(recipient={"email": address}, template_code=template["code"], variables={"name": "A"})
    body = {"notification_id": sent["notification_id"], "status": "failed", "error": "bounced: no such user"}
    assert (await system.client.post("/api/v1/email/status", json=body)).status_code == 200
    await system.wait_for(sent["notification_id"], "failed")
    assert await _listed(system, address=address) == []


async def test_a_suppressed_number_gets_no_sms(system: System) -> None:
    phone = new_phone()
    template = await system.create_template(channel="sms", subject=None, content="Hello {{ name }}")
    await _suppress(system, phone, channel="sms", reason="opt_out", source="desk")
    await _skipped(system, {"phone": phone}, template, "opt_out from desk", notification_type="sms")


async def test_a_scheduled_notification_to_a_suppressed_address_is_skipped(system: System) -> None:
    address, template = new_email(), await system.create_template()
    entry = await _suppress(system, address, expires_at="2099-01-01T00:00:00Z")
    assert entry["expires_at"] == "2099-01-01T00:00:00Z"
    await _skipped(system, {"email": address}, template, "manual from api")


async def test_a_suppression_does_not_affect_another_tenant(system: System) -> None:
    address = new_email()
    await _suppress(system, address)
    tenant = uuid4().hex
    made = (await system.client.post("/api/v1/tenants", json={"tenant": tenant})).json()["data"]
    foreign = {"X-API-Key": made["key"]}
    assert (await system.client.get(PATH, headers=foreign)).json()["data"] == []
    body = {"code": new_name("template"), "channel": "email", "subject": "Hello", "content": "<p>Hello</p>"}
    template = (await system.client.post("/api/v1/templates", json=body, headers=foreign)).json()["data"]
    sent = await system.send(headers=foreign, recipient={"email": address}, template_code=template["code"])

    async def reached() -> bool:
        answer = await system.client.get(f"/api/v1/notifications/{sent['notification_id']}", headers=foreign)
        return answer.json()["data"]["status"] in {"sent", "delivered"}

    await until(reached, 20.0, interval=0.1)


async def test_a_suppression_remains_after_the_erasure_of_its_user(system: System) -> None:
    address, template = new_email(), await system.create_template()
    system.sink.script(address, Step(rcpt="550 5.1.1 no such user"))
    user = await system.create_user(email=address)
    bounced = await system.send(user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"})
    await system.wait_for(bounced["notification_id"], "failed")
    assert (await system.client.delete(f"/api/v1/users/{user['user_id']}")).status_code == 200

    async def erased() -> bool:
        [entry] = await _listed(system, address=address)
        return entry["address"] is None

    await until(erased, 30.0, interval=0.2)
    await _skipped(system, {"email": address}, template, "hard_bounce from smtp")


async def test_the_commands_manage_the_list(system: System, tmp_path: Path) -> None:
    one, two = new_email(), new_email()
    status, made, _ = await run_angarium(system, "suppressions", "add", "email", one)
    assert (status, made["address"], made["source"]) == (0, one, "cli")
    status, rows, _ = await run_angarium(system, "suppressions", "list", "--address", one)
    assert (status, [row["id"] for row in rows]) == (0, [made["id"]])
    file = tmp_path / "list.csv"
    file.write_text(f"channel,address,reason\nemail,{two},complaint\nemail,nobody,manual\n")
    status, report, _ = await run_angarium(system, "suppressions", "import", str(file))
    assert (status, report["added"], report["refused"]) == (1, 1, 1)
    out = tmp_path / "out.csv"
    status, written, _ = await run_angarium(system, "suppressions", "export", str(out), "--reason", "complaint")
    assert (status, written["file"]) == (0, str(out))
    assert two in out.read_text()
    assert one not in out.read_text()
    status, rows, _ = await run_angarium(system, "suppressions", "export", "--reason", "complaint")
    assert status == 0
    assert two in [row["address"] for row in rows]
    status, removed, _ = await run_angarium(system, "suppressions", "remove", made["id"])
    assert (status, removed["removed"]) == (0, True)
    assert await _listed(system, address=one) == []
    status, _, complaints = await run_angarium(system, "suppressions", "add", "sms", "12")
    assert status == 1
    assert "address" in complaints
