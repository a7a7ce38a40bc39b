"""Operators list providers, open and close breakers, and pause marketing."""

from collections.abc import AsyncIterator

import pytest

from angarium.testing.smtp.script import Step
from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

PATH = "/api/v1/providers"


async def provider_of(system: System, channel: str) -> Json:
    found: list[Json] = []

    async def there() -> bool:
        answer = await system.client.get(PATH, params={"limit": 100})
        assert answer.status_code == 200, answer.text
        found[:] = [one for one in answer.json()["data"] if one["channel"] == channel]
        return bool(found)

    await until(there, 15, message=f"no worker of {channel} has registered its provider")
    return found[0]


async def set_reputation(system: System, provider_id: str, state: str) -> Json:
    answer = await system.client.post(f"{PATH}/{provider_id}/reputation", json={"state": state})
    assert answer.status_code == 200, answer.text
    data: Json = answer.json()["data"]["reputation"]
    return data


async def set_breaker(system: System, provider_id: str, state: str) -> Json:
    answer = await system.client.post(f"{PATH}/{provider_id}/breaker", json={"state": state})
    assert answer.status_code == 200, answer.text
    data: Json = answer.json()["data"]
    return data


@pytest.fixture
async def email(system: System) -> AsyncIterator[Json]:
    """The email provider. Afterwards its breaker is under automatic control again."""
    provider = await provider_of(system, "email")
    yield provider
    await set_breaker(system, provider["provider_id"], "auto")
    await set_reputation(system, provider["provider_id"], "auto")


async def test_providers_are_listed_with_their_breakers(system: System, email: Json) -> None:
    shown = {name: email[name] for name in ("name", "provider", "channel", "position", "breaker", "forced", "rate")}
    assert shown == {
        "name": email["provider"],
        "provider": email["provider"],
        "channel": "email",
        "position": 1,
        "breaker": "closed",
        "forced": False,
        "rate": None,
    }
    assert email["workers"] >= 1


async def test_nothing_is_sent_through_a_provider_with_an_open_breaker(system: System, email: Json) -> None:
    template = await system.create_template()
    opened = await set_breaker(system, email["provider_id"], "open")
    assert (opened["breaker"], opened["forced"]) == ("open", True)

    async def shown_as(level: float) -> bool:
        return (await system.metrics(system.address(system.worker)))["angarium_breaker_state"] == level

    await until(lambda: shown_as(2), 20, message="the workers did not follow")
    made = await system.send(
        template_code=template["code"], variables={"name": "Ada"}, recipient={"email": new_email()}
    )
    waiting = await system.status(made["notification_id"])
    assert waiting["status"] in {"pending", "sending"}
    await set_breaker(system, email["provider_id"], "auto")
    ended = await system.wait_for(made["notification_id"], "sent", within=40)
    assert ended["attempts"] == 1
    await until(lambda: shown_as(0), 20, message="the breaker did not close")
    audit = (await system.client.get("/api/v1/audit", params={"limit": 100})).json()["data"]
    actions = [entry["action"] for entry in audit if entry["object"] == email["provider_id"]]
    assert {"provider.breaker_open", "provider.breaker_auto"} <= set(actions)


async def test_paused_marketing_waits_while_other_notifications_are_sent(system: System, email: Json) -> None:
    template = await system.create_template()
    request = {"template_code": template["code"], "variables": {"name": "Ada"}}
    paused = await set_reputation(system, email["provider_id"], "paused")
    assert (paused["state"], paused["forced"], paused["reason"]) == ("paused", True, "paused by an operator")

    async def shown_as(level: float) -> bool:
        return (await system.metrics(system.address(system.worker)))["angarium_sender_paused"] == level

    await until(lambda: shown_as(1), 20, message="the workers did not follow")
    held = await system.send(**request, category="newsletter", recipient={"email": new_email()})
    going = await system.send(**request, category="orders", recipient={"email": new_email()})
    await system.wait_for(going["notification_id"], "sent")

    async def told() -> bool:
        events = (await system.client.get(f"/api/v1/notifications/{held['notification_id']}/events")).json()["data"]
        return any(event["event"] == "held" and event["reason"] == "sender_paused" for event in events)

    await until(told, 20, message="the timeline has no event `held`")
    why = (await system.client.get(f"/api/v1/notifications/{held['notification_id']}/why")).json()["data"]
    assert f"Waits, since {email['name']} has sent no marketing since " in why["summary"]
    waiting = await system.status(held["notification_id"])
    assert (waiting["status"], waiting["attempts"]) == ("pending", 0)
    lifted = await set_reputation(system, email["provider_id"], "auto")
    assert (lifted["state"], lifted["forced"], lifted["sends"]) == ("active", False, 0)
    ended = await system.wait_for(held["notification_id"], "sent", within=60)
    assert ended["attempts"] == 1
    audit = (await system.client.get("/api/v1/audit", params={"limit": 100})).json()["data"]
    actions = [entry["action"] for entry in audit if entry["object"] == email["provider_id"]]
    assert {"provider.reputation_paused", "provider.reputation_auto"} <= set(actions)


async def test_sends_and_bounces_of_a_provider_are_counted(system: System, email: Json) -> None:
    template = await system.create_template()
    request = {"template_code": template["code"], "variables": {"name": "Ada"}}
    refused = new_email()
    system.sink.script(refused, Step(rcpt="550 5.1.1 unknown here"))
    before = (await provider_of(system, "email"))["reputation"]
    good = await system.send(**request, recipient={"email": new_email()})
    bad = await system.send(**request, recipient={"email": refused})
    await system.wait_for(good["notification_id"], "sent")
    await system.wait_for(bad["notification_id"], "failed")

    async def counted() -> bool:
        after = (await provider_of(system, "email"))["reputation"]
        return bool(after["sends"] >= before["sends"] + 2 and after["bounces"] == before["bounces"] + 1)

    await until(counted, 30, message="the sends are not counted")


@pytest.mark.parametrize(("scopes", "status"), [(["providers:manage"], 200), (["notifications:send"], 403)])
async def test_providers_need_their_scope(system: System, scopes: list[str], status: int) -> None:
    made = await system.client.post("/api/v1/keys", json={"name": new_name("key"), "scopes": scopes})
    key = {"X-API-Key": made.json()["data"]["key"]}
    assert (await system.client.get(PATH, headers=key)).status_code == status


async def test_another_tenant_does_not_see_providers(system: System) -> None:
    made = await system.client.post("/api/v1/tenants", json={"tenant": new_name("tenant")})
    key = {"X-API-Key": made.json()["data"]["key"]}
    answer = await system.client.get(PATH, headers=key)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"


async def test_errors_of_the_providers_api_name_the_field(system: System, email: Json) -> None:
    unknown = await system.client.post(f"{PATH}/00000000-0000-0000-0000-000000000000/breaker", json={"state": "open"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    nowhere = await system.client.post(
        f"{PATH}/00000000-0000-0000-0000-000000000000/reputation", json={"state": "auto"}
    )
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    closed = await system.client.post(f"{PATH}/{email['provider_id']}/reputation", json={"state": "closed"})
    assert (closed.status_code, closed.json()["error"]["details"][0]["field"]) == (400, "state")
    wrong = await system.client.post(f"{PATH}/{email['provider_id']}/breaker", json={"state": "half_open"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["details"][0]["field"] == "state"


async def test_a_test_message_uses_the_provider_and_shows_its_answer(system: System, email: Json) -> None:
    answer = await system.client.post(f"{PATH}/{email['provider_id']}/test", json={"to": new_email()})
    assert answer.status_code == 202, answer.text
    made = answer.json()["data"]["notification_id"]
    ended = await system.wait_for(made, "sent")
    assert (ended["template_code"], ended["provider"], ended["attempts"]) == ("_provider_test", email["name"], 1)
    events = (await system.client.get(f"/api/v1/notifications/{made}/events")).json()["data"]
    [attempt] = [event for event in events if event["event"] == "attempt"]
    assert (attempt["provider"], attempt["answer"][:3]) == (email["name"], "250")
    wrong = await system.client.post(f"{PATH}/{email['provider_id']}/test", json={"to": "+14155550123"})
    assert (wrong.status_code, wrong.json()["error"]["details"][0]["field"]) == (400, "to")
    unknown = await system.client.post(f"{PATH}/00000000-0000-0000-0000-000000000000/test", json={"to": new_email()})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
