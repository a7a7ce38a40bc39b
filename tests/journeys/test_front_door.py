"""Keys, tokens, tenants, rate limits and the audit log, through the public API."""

import asyncio
import json
import os
from typing import Any

import httpx2

from tests.support.system import ANGARIUM, System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

PASSWORD = "correct horse battery"


def users_address(system: System) -> str:
    """The address of the users service."""
    return system.address("users") if "users" in system.commands else system.url


async def key(system: System, **fields: Any) -> dict[str, str]:
    body = {"name": new_name("key"), "scopes": ["admin"], **fields}
    answer = await system.client.post("/api/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    return {"X-API-Key": answer.json()["data"]["key"]}


async def log_in(system: System, email: str, password: str = PASSWORD) -> httpx2.Response:
    return await system.client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def test_nothing_is_sent_with_a_test_key(system: System) -> None:
    template, to = await system.create_template(), new_email()
    body: Json = {"template_code": template["code"], "variables": {"name": "Ada"}, "recipient": {"email": to}}
    trial = await system.send(headers=await key(system, kind="test"), **body)
    ended = await system.wait_for(trial["notification_id"], "sent")
    assert (ended["provider"], ended["test"]) == ("sandbox", True)
    assert system.sink.to(to) == []
    real = await system.deliver(**body)
    assert (real["provider"], real["test"]) == ("smtp", False)
    assert len(system.sink.to(to)) == 1


async def test_a_token_has_the_rights_of_its_key(system: System) -> None:
    made = await key(system, scopes=["notifications:send"])
    answer = await system.client.post("/api/v1/auth/token", headers=made)
    token = {"Authorization": f"Bearer {answer.json()['data']['access_token']}", "X-API-Key": ""}
    template = await system.create_template()
    body: Json = {"template_code": template["code"], "variables": {"name": "Ada"}, "recipient": {"email": new_email()}}
    assert (await system.submit(headers=token, **body)).status_code == 202
    assert (await system.client.get("/api/v1/notifications", headers=token)).status_code == 403


async def test_a_logged_in_user_reaches_only_their_own_data(system: System) -> None:
    email = new_email()
    user, other = await system.create_user(email=email, password=PASSWORD), await system.create_user()
    template = await system.create_template()
    body: Json = {"template_code": template["code"], "variables": {"name": "Ada"}}
    sent = await system.deliver(user_id=user["user_id"], **body)
    foreign = await system.deliver(user_id=other["user_id"], **body)
    assert (await log_in(system, email, "wrong password")).status_code == 401
    answer = await log_in(system, email)
    assert answer.status_code == 200, answer.text
    token = {"Authorization": f"Bearer {answer.json()['data']['access_token']}", "X-API-Key": ""}
    for address in (f"{system.url}/api/v1", users_address(system)):
        own = f"{address}/users/{user['user_id']}"
        assert (await system.client.get(own, headers=token)).json()["data"]["email"] == email
        changed = await system.client.patch(f"{own}/preferences", json={"sms": False}, headers=token)
        assert changed.json()["data"]["sms"] is False
        refused = await system.client.get(f"{address}/users/{other['user_id']}", headers=token)
        assert refused.status_code == 403
    listed = (await system.client.get("/api/v1/notifications", headers=token)).json()["data"]
    assert [one["notification_id"] for one in listed] == [sent["notification_id"]]
    path = f"/api/v1/notifications/{foreign['notification_id']}"
    assert (await system.client.get(path, headers=token)).status_code == 404


async def test_changes_are_audited_in_every_service(system: System) -> None:
    made = await key(system, name=(name := new_name("auditor")))
    user = await system.create_user()
    for address in (f"{system.url}/api/v1", users_address(system)):
        path = f"{address}/users/{user['user_id']}"
        answer = await system.client.patch(path, json={"name": "Grace"}, headers={**made, "X-Correlation-ID": name})
        assert answer.status_code == 200

    async def both() -> list[Json]:
        answer = await system.client.get("/api/v1/audit", params={"actor": name, "object": user["user_id"]})
        entries: list[Json] = answer.json()["data"]
        return entries if len(entries) == 2 else []

    entries = await until(both)
    told = {(entry["action"], entry["from"], entry["correlation_id"]) for entry in entries}
    assert told == {("user.changed", "127.0.0.1", name)}


async def test_a_rate_limit_applies_to_all_services_together(system: System) -> None:
    made = await key(system, rate_limit="6/hour")
    answers = [
        await system.client.get(f"{address}/users?limit=1", headers=made)
        for address in (f"{system.url}/api/v1", users_address(system)) * 5
    ]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 4
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == [*"543210", *"0000"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600 * 1.05


async def test_tenants_are_created_on_the_command_line(system: System) -> None:
    tenant = new_name("tenant")
    made = await _angarium(system, "tenants", "create", tenant, "--json")
    listed = await _angarium(system, "tenants", "list", "--limit", "100", "--json")
    assert tenant in [one["tenant"] for one in listed]
    template = await system.create_template()
    seen = await system.client.get(f"/api/v1/templates/{template['code']}", headers={"X-API-Key": made["key"]})
    assert (seen.status_code, seen.json()["error"]["code"]) == (404, "template_not_found")


async def _angarium(system: System, *arguments: str) -> Any:
    environment = {"ANGARIUM_GATEWAY_URL": system.url, "ANGARIUM_API_KEY": system.key, "PATH": os.defpath}
    process = await asyncio.create_subprocess_exec(
        str(ANGARIUM), *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


async def test_an_unchanged_response_is_a_304(system: System) -> None:
    user, template = await system.create_user(), await system.create_template()
    for path in (f"/api/v1/users/{user['user_id']}", f"/api/v1/templates/{template['code']}"):
        seen = await system.client.get(path)
        again = await system.client.get(path, headers={"If-None-Match": seen.headers["ETag"]})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", seen.headers["ETag"])
    path = f"/api/v1/users/{user['user_id']}"
    seen = await system.client.get(path)
    await system.client.patch(path, json={"name": "Ada King"})
    changed = await system.client.get(path, headers={"If-None-Match": seen.headers["ETag"]})
    assert (changed.status_code, changed.json()["data"]["name"]) == (200, "Ada King")
