"""Failures of one tenant's sends do not delay those of another tenant."""

import asyncio

import httpx2
import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

MANY = 140
"""More than the default number of concurrent sends of a worker."""
LONGEST = 5.0
"""Seconds within which the other tenant's notification must be sent."""


async def tenant_of(system: System, *, kind: str = "live") -> httpx2.AsyncClient:
    """A client with a key of this kind for a new tenant."""
    made = await system.client.post("/api/v1/tenants", json={"tenant": new_name("tenant")})
    assert made.status_code == 201, made.text
    client = client_of(system, made.json()["data"]["key"])
    if kind == "live":
        return client
    async with client:
        key = await client.post("/api/v1/keys", json={"name": new_name("key"), "scopes": ["admin"], "kind": kind})
    assert key.status_code == 201, key.text
    return client_of(system, key.json()["data"]["key"])


def client_of(system: System, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=system.url, headers={"X-API-Key": key}, timeout=30, trust_env=False)


async def template_of(client: httpx2.AsyncClient, **fields: object) -> str:
    body: Json = {"code": new_name("code"), "subject": "S", "content": "x", **fields}
    answer = await client.post("/api/v1/templates", json=body)
    assert answer.status_code == 201, answer.text
    return str(body["code"])


def email(to: str, code: str, priority: int) -> Json:
    return {
        "request_id": new_name("request"),
        "notification_type": "email",
        "recipient": {"email": to},
        "template_code": code,
        "priority": priority,
    }


async def sent_in_time(client: httpx2.AsyncClient, body: Json) -> None:
    answer = await client.post("/api/v1/notifications", json=body)
    assert answer.status_code == 202, answer.text
    path = f"/api/v1/notifications/{answer.json()['data']['notification_id']}"

    async def sent() -> bool:
        return bool((await client.get(path)).json()["data"]["status"] == "sent")

    await until(sent, LONGEST, message="not sent in time while another tenant's sends fail")


@pytest.mark.parametrize("delays", [["24h"], ["50ms", "100ms", "24h"]])
async def test_retryable_failures_of_a_tenant_do_not_delay_another(system: System, delays: list[str]) -> None:
    async with await tenant_of(system, kind="test") as hostile, await tenant_of(system) as neighbour:
        failing, plain = await template_of(hostile, retry_delays=delays), await template_of(neighbour)
        for priority in (5, 9):
            bulk = [email(f"fail+{number}@shop.example", failing, priority) for number in range(MANY)]
            answer = await hostile.post("/api/v1/notifications/bulk", json={"notifications": bulk})
            assert answer.status_code == 202, answer.text
            assert answer.json()["data"]["rejected"] == 0, answer.text
        await asyncio.gather(*(sent_in_time(neighbour, email(new_email(), plain, priority)) for priority in (5, 9)))
        ready = await system.client.get("/ready")
        assert ready.status_code == 200, ready.text


async def test_retry_delays_that_overflow_a_timestamp_are_refused(system: System) -> None:
    body = {"code": new_name("code"), "subject": "S", "content": "x", "retry_delays": ["9999999999h"]}
    answer = await system.client.post("/api/v1/templates", json=body)
    assert answer.status_code == 400, answer.text
    assert '"field":"retry_delays.0"' in answer.text.replace(" ", "")
