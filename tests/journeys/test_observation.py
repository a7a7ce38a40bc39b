"""Health, metrics and logs of the processes, and personal data that must not be in them."""

import json
from collections import Counter
from typing import Any

from angarium.contracts.statuses import Channel
from angarium.testing.smtp.script import Step
from tests.support.servers.ports import free_port
from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name, new_phone
from tests.support.wait import until


async def _deliver(system: System, **fields: Any) -> Json:
    user, template = await system.create_user(), await system.create_template()
    return await system.deliver(
        user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"}, **fields
    )


def _lines(system: System, name: str) -> list[Json]:
    return [json.loads(line) for line in system.log(name).read_text().splitlines() if line.startswith("{")]


async def test_health_readiness_and_metrics_of_every_process_need_no_key(system: System) -> None:
    del system.client.headers["X-API-Key"]
    for name in system.commands:
        health = await system.client.get(f"{system.address(name)}/health")
        assert health.status_code == 200
        assert health.json()["status"] == "healthy"
        assert set(health.json()) >= {"status", "service", "version"}
        ready = await system.client.get(f"{system.address(name)}/ready")
        assert ready.status_code == 200
        assert ready.json()["status"] == "ready"
        assert set(ready.json()["dependencies"].values()) == {"up"}
        metrics = await system.client.get(f"{system.address(name)}/metrics")
        assert metrics.status_code == 200
        assert "angarium_" in metrics.text


MOVES = (
    "angarium_http_requests_total",
    "angarium_http_request_duration_seconds_count",
    "angarium_notifications_accepted_total",
    "angarium_notifications_finished_total",
    "angarium_accept_to_sent_seconds_count",
    "angarium_attempts_total",
    "angarium_provider_duration_seconds_count",
    "angarium_cache_requests_total",
    "angarium_rate_limited_total",
    "angarium_dead_letters",
    "angarium_queue_messages",
)
PASSING = (
    "angarium_outbox_pending",
    "angarium_queue_oldest_age_seconds",
    "angarium_breaker_state",
    "angarium_sender_paused",
    "angarium_sender_rate",
)
"""Gauges of short or rare conditions; unit tests and the journey of providers cover them."""


async def test_every_metric_changes(system: System) -> None:
    async def now() -> Counter[str]:
        measured: Counter[str] = Counter()
        for address in {system.url, system.address(system.worker)}:
            measured.update(await system.metrics(address))
        return measured

    before = await now()
    await _deliver(system)
    refused = new_email()
    system.sink.script(refused, Step(rcpt="550 5.1.1 unknown here"))
    template = await system.create_template()
    failed = await system.send(recipient={"email": refused}, template_code=template["code"], variables={"name": "Ada"})
    await system.wait_for(failed["notification_id"], "failed")
    await _exceed_a_rate(system)

    async def stuck() -> list[str]:
        after = await now()
        return [name for name in MOVES if after[name] == before[name]]  # the janitor may lower a gauge

    async def moved() -> bool:
        return not await stuck()

    await until(moved, 15, message="every metric moves")
    assert set(PASSING) <= (await now()).keys()


async def _exceed_a_rate(system: System) -> None:
    body = {"name": new_name("slow"), "scopes": ["notifications:read"], "rate_limit": "1/hour"}
    made = await system.client.post("/api/v1/keys", json=body)
    key = {"X-API-Key": made.json()["data"]["key"]}
    answers = [await system.client.get("/api/v1/notifications", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]


async def test_every_log_has_the_correlation_id(system: System) -> None:
    correlation_id = new_name("correlation")
    found = await _deliver(system, headers={"X-Correlation-ID": correlation_id})
    assert found["correlation_id"] == correlation_id
    gateway = next(iter(system.commands))

    def logged() -> bool:
        events = {
            (name, line["event"])
            for name in (gateway, system.worker)
            for line in _lines(system, name)
            if line.get("correlation_id") == correlation_id and line.get("notification_id") == found["notification_id"]
        }
        return events >= {
            (gateway, "notification.accepted"),
            (system.worker, "notification.claimed"),
            (system.worker, "notification.sent"),
        }

    await until(logged, 10, message=f"log lines of {correlation_id}")
    for line in _lines(system, gateway):
        assert set(line) >= {"timestamp", "level", "service", "event"}


async def test_personal_data_is_never_logged(system: System) -> None:
    canary = new_name("canary").replace("-", "")
    addresses = [f"{canary}{number}@example.com" for number in range(3)]
    phone = new_phone()
    system.sink.script(addresses[1], Step(rcpt=f"550 5.1.1 <{addresses[1]}> is unknown here"))
    system.sink.script(addresses[2], Step(rcpt=f"451 4.3.0 {canary} later"))
    user = await system.create_user(
        name=f"Name {canary}",
        email=addresses[0],
        phone=phone,
        push_token=f"token-{canary}",
        webhook=f"http://127.0.0.1:{free_port()}/{canary}?key={canary}",
    )
    secret = dict.fromkeys(("subject", "content", "text", "body"), "{{ secret }}")
    template = await system.create_template(**secret)
    body = {"template_code": template["code"], "variables": {"secret": f"variable-{canary}"}}
    ids = [
        (await system.send(notification_type=channel, user_id=user["user_id"], **body))["notification_id"]
        for channel in Channel
    ]
    ids += [(await system.send(recipient={"email": to}, **body))["notification_id"] for to in addresses[1:]]
    await system.submit(recipient={"email": f"not an address {canary}"}, **body)
    for notification_id in ids:
        await system.wait_for(notification_id, "sent", "failed")
    await system.submit(recipient={"email": addresses[0]}, template_code=canary, variables={canary: canary})
    await system.client.post("/api/v1/users", json={"name": canary, "email": addresses[0]})
    await system.client.get("/api/v1/users", headers={"X-API-Key": f"ang_live_{canary}"})
    lines = system.logs().splitlines()
    assert any("notification.sent" in line for line in lines)
    hits = [line for line in lines if canary in line or phone in line or (system.key in line and line.startswith("{"))]
    assert hits == []
