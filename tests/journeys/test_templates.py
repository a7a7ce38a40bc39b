"""A notification is sent with the template version with which it was accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email


async def _publish(system: System, template: Json, subject: str) -> int:
    path = f"/api/v1/templates/{template['code']}/versions"
    draft = await system.client.post(path, json={"subject": subject, "content": "<p>{{ name }}</p>"})
    assert draft.status_code == 201, draft.text
    version: int = draft.json()["data"]["version"]
    published = await system.client.post(f"{path}/{version}/publish")
    assert published.status_code == 200, published.text
    return version


@pytest.mark.fault(35)
async def test_an_accepted_notification_keeps_its_template_version(system: System) -> None:
    address = new_email()
    template = await system.create_template(subject="First {{ name }}")
    body = {"recipient": {"email": address}, "template_code": template["code"], "variables": {"name": "Ada"}}
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    waiting = await system.send(**body, send_at=soon)
    assert await _publish(system, template, "Second {{ name }}") == 2
    await system.wait_for(waiting["notification_id"], "sent")
    fresh = await system.deliver(**body)
    assert fresh["template_version"] == 2
    assert [mail["Subject"] for mail in system.sink.mails_to(address)] == ["First Ada", "Second Ada"]


async def test_a_caller_can_pin_a_version(system: System) -> None:
    address = new_email()
    template = await system.create_template(subject="First {{ name }}")
    await _publish(system, template, "Second {{ name }}")
    body = {"recipient": {"email": address}, "template_code": template["code"], "variables": {"name": "Ada"}}
    pinned = await system.deliver(**body, template_version=1)
    assert pinned["template_version"] == 1
    missing = await system.submit(**body, template_version=9)
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "template_not_found"
    assert [mail["Subject"] for mail in system.sink.mails_to(address)] == ["First Ada"]


@pytest.mark.fault(35)
async def test_an_archived_template_still_sends_what_was_accepted(system: System) -> None:
    address = new_email()
    template = await system.create_template()
    body = {"recipient": {"email": address}, "template_code": template["code"], "variables": {"name": "Ada"}}
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    waiting = await system.send(**body, send_at=soon)
    archived = await system.client.delete(f"/api/v1/templates/{template['code']}")
    assert archived.status_code in {200, 204}
    refused = await system.submit(**body)
    assert refused.status_code == 404
    await system.wait_for(waiting["notification_id"], "sent")
    assert len(system.sink.to(address)) == 1


async def test_variables_are_escaped_in_a_mail(system: System) -> None:
    address = new_email()
    template = await system.create_template()
    await system.deliver(
        recipient={"email": address},
        template_code=template["code"],
        variables={"name": "<script>alert(1)</script>"},
    )
    [mail] = system.sink.mails_to(address)
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


async def test_a_preview_shows_what_would_be_sent(system: System) -> None:
    template = await system.create_template(text="Hello {{ name }}")
    answer = await system.client.post(
        f"/api/v1/templates/{template['code']}/preview", json={"variables": {"name": "Ada"}}
    )
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["subject"] == "Hello Ada"
    assert data["text"] == "Hello Ada"
    assert "Hello Ada" in data["html"]
