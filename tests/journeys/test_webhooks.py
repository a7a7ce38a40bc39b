"""Webhooks: a notification is sent as a signed POST to the recipient's URL."""

import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from angarium.testing.smtp.script import Step
from tests.support.endpoint import Received, endpoint
from tests.support.system import System
from tests.support.system_verbs import new_email
from tests.support.wait import until


def _verified(system: System, received: Received) -> Any:
    """The body, verified as a receiver would, with the secret generated in development."""
    secret = (system.data_dir / "callback-secret").read_text()
    return Webhook(secret).verify(received.body, received.headers)


async def _template(system: System, **parts: str) -> str:
    template = await system.create_template(channel="webhook", subject=None, content=None, **parts)
    return str(template["code"])


async def test_the_templates_json_is_posted_and_signed(system: System) -> None:
    code = await _template(system, json='{"greeting": "Hello", "name": {{ name | json }}, "items": {{ items | json }}}')
    async with endpoint() as hook:
        found = await system.deliver(
            notification_type="webhook",
            recipient={"webhook": hook.url("/in?key=1")},
            template_code=code,
            variables={"name": 'Ada "Countess" <b>', "items": [1, {"a": None}]},
            headers={"X-Correlation-ID": "c-webhook", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"},
        )
    [received] = hook.received
    assert _verified(system, received) == {
        "greeting": "Hello", "name": 'Ada "Countess" <b>', "items": [1, {"a": None}]
    }  # fmt: skip
    assert received.target == "/in?key=1"
    assert received.headers["webhook-id"] == found["notification_id"] == found["provider_message_id"]
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-correlation-id"] == "c-webhook"
    _, trace, span, _ = received.headers["traceparent"].split("-")
    assert (trace, span != "cd" * 8) == ("ab" * 16, True)
    assert (found["provider"], found["attempts"]) == ("http", 1)


async def test_title_and_text_are_sent_in_the_default_body(system: System) -> None:
    code = await _template(system, title="Order {{ number }}", text="Shipped & gone")
    async with endpoint() as hook:
        found = await system.deliver(
            notification_type="webhook",
            recipient={"webhook": hook.url()},
            template_code=code,
            variables={"number": 42, "extra": "é"},
            metadata={"order": 42},
        )
    [received] = hook.received
    assert _verified(system, received) == {
        "type": "notification",
        "notification_id": found["notification_id"],
        "template_code": code,
        "title": "Order 42",
        "text": "Shipped & gone",
        "data": {"number": 42, "extra": "é"},
        "metadata": {"order": 42},
    }


async def test_a_failure_is_retried_with_the_same_id(system: System) -> None:
    code = await _template(system, text="Hello")
    async with endpoint(answers=[500, 429]) as hook:
        found = await system.deliver(notification_type="webhook", recipient={"webhook": hook.url()}, template_code=code)
    assert [one.headers["webhook-id"] for one in hook.received] == [found["notification_id"]] * 3
    assert all(_verified(system, one) for one in hook.received)
    outcomes = [
        event["outcome"] for event in await system.events(found["notification_id"]) if event["event"] == "attempt"
    ]
    assert outcomes == ["retry", "retry", "sent"]


@pytest.mark.parametrize("status", [301, 404, 410])
async def test_a_refusal_is_permanent(system: System, status: int) -> None:
    code = await _template(system, text="Hello")
    async with endpoint(status=status, headers={"location": "http://127.0.0.1:1/"}) as hook:
        accepted = await system.send(notification_type="webhook", recipient={"webhook": hook.url()}, template_code=code)
        found = await system.wait_for(accepted["notification_id"], "failed")
    assert len(hook.received) == 1
    assert found["reason"] == {"code": "permanent", "message": f"answered {status}"}
    assert await system.dead_letter(accepted["notification_id"]) is not None


async def test_a_private_address_is_refused_at_connection(system: System) -> None:
    code = await _template(system, text="Hello")
    accepted = await system.send(
        notification_type="webhook", recipient={"webhook": "https://10.1.2.3/hook"}, template_code=code
    )
    found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["reason"] == {"code": "invalid_address", "message": "refused: the address is not allowed"}
    assert found["attempts"] == 1


@pytest.mark.parametrize(
    "url",
    ["http://example.com.invalid:99999/", "http://10.0.0.1/x", "ftp://example.com/", "https://u:p@example.com/", "/x"],
)
async def test_an_invalid_url_is_a_400_that_names_the_field(system: System, url: str) -> None:
    code = await _template(system, text="Hello")
    answer = await system.submit(notification_type="webhook", recipient={"webhook": url}, template_code=code)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["recipient.webhook"]
    answer = await system.client.post("/api/v1/users", json={"name": "Ada", "webhook": url})
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["webhook"]


async def test_a_user_can_have_a_webhook_and_disable_it(system: System) -> None:
    code = await _template(system, text="Hello {{ name }}")
    async with endpoint() as hook:
        user = await system.create_user(webhook=hook.url())
        assert user["webhook"] == hook.url()
        assert user["preferences"] == {"email": True, "push": True, "sms": True, "webhook": True}
        wanted: dict[str, Any] = {
            "notification_type": "webhook", "user_id": user["user_id"], "template_code": code,
            "variables": {"name": "Ada"},
        }  # fmt: skip
        await system.deliver(**wanted)
        path = f"/api/v1/users/{user['user_id']}/preferences"
        assert (await system.client.patch(path, json={"webhook": False})).status_code == 200
        accepted = await system.send(**wanted)
        found = await system.wait_for(accepted["notification_id"], "skipped")
        assert found["reason"]["code"] == "opted_out"
        night = {"webhook": True, "quiet_hours": {"start": "00:00", "end": "23:59"}}
        assert (await system.client.patch(path, json=night)).status_code == 200
        accepted = await system.send(**wanted)
        await until(lambda: _scheduled(system, accepted["notification_id"]), 20)
        await system.deliver(**wanted, priority=9)
    assert len(hook.received) == 2


async def _scheduled(system: System, notification_id: str) -> bool:
    return (await system.status(notification_id))["status"] in {"scheduled", "sent"}


async def test_a_user_without_a_webhook_has_no_address(system: System) -> None:
    code = await _template(system, text="Hello")
    user = await system.create_user()
    accepted = await system.send(notification_type="webhook", user_id=user["user_id"], template_code=code)
    found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["reason"]["code"] == "no_address"


async def test_invalid_json_is_refused_at_save_and_at_send(system: System) -> None:
    broken = {"code": "webhook-broken", "channel": "webhook", "json": '{\n  "name": {{ name | json }},\n  "b": }'}
    answer = await system.client.post("/api/v1/templates", json=broken)
    assert answer.status_code == 400
    [detail] = answer.json()["error"]["details"]
    assert (detail["field"], detail["line"], detail["column"]) == ("json", 3, 8)
    assert "JSON" in detail["message"]

    code = await _template(system, json='{"name": "{{ name }}"}')
    async with endpoint() as hook:
        wanted: dict[str, Any] = {
            "notification_type": "webhook",
            "recipient": {"webhook": hook.url()},
            "template_code": code,
        }
        await system.deliver(**wanted, variables={"name": "Ada"})
        accepted = await system.send(**wanted, variables={"name": 'A"da'})
        found = await system.wait_for(accepted["notification_id"], "failed")
    assert found["reason"]["code"] == "render_failed"
    assert [json.loads(one.body) for one in hook.received] == [{"name": "Ada"}]


async def test_a_refused_mail_falls_back_to_a_webhook(system: System) -> None:
    address = new_email()
    system.sink.script(address, Step(rcpt="550 5.1.1 no such user"))
    template = await system.create_template(text="Hello {{ name }}", title="Hi")
    async with endpoint() as hook:
        await system.send(
            recipient={"email": address, "webhook": hook.url()},
            template_code=template["code"],
            variables={"name": "Ada"},
            fallback=["webhook"],
            metadata={"order": 7},
        )
        await until(lambda: hook.received, 20)
    body = json.loads(hook.received[0].body)
    assert (body["title"], body["text"], body["metadata"]) == ("Hi", "Hello Ada", {"order": 7})


async def test_a_preview_shows_the_webhook_body(system: System) -> None:
    code = await _template(system, json='{"name": {{ name | json }}}')
    answer = await system.client.post(f"/api/v1/templates/{code}/preview", json={"variables": {"name": "<Ada>"}})
    assert answer.json()["data"] == {"json": '{"name": "<Ada>"}', "missing_variables": []}
