"""What the processes say of themselves: health, metrics, logs. And what they never say."""

import json
from typing import Any

from tests.support.smtp import Step
from tests.support.system import System
from tests.support.system_verbs import Json, new_name, new_phone
from tests.support.wait import until

GATEWAY_METRICS = {
    "angarium_http_requests_total",
    "angarium_http_request_duration_seconds_bucket",
    "angarium_notifications_accepted_total",
    "angarium_queue_messages",
    "angarium_queue_oldest_age_seconds",
    "angarium_outbox_pending",
    "angarium_dead_letters",
    "angarium_cache_requests_total",
    "angarium_rate_limited_total",
}
WORKER_METRICS = {
    "angarium_notifications_finished_total",
    "angarium_accept_to_sent_seconds_bucket",
    "angarium_attempts_total",
    "angarium_provider_duration_seconds_bucket",
    "angarium_breaker_state",
}


async def _deliver(system: System, **fields: Any) -> Json:
    user, template = await system.create_user(), await system.create_template()
    return await system.deliver(
        user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"}, **fields
    )


def _lines(system: System, name: str) -> list[Json]:
    return [json.loads(line) for line in system.log(name).read_text().splitlines() if line.startswith("{")]


async def test_every_process_is_healthy_ready_and_measured_without_a_key(system: System) -> None:
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


async def test_the_metrics_are_there_and_move(system: System) -> None:
    gateway, worker = system.url, system.address(system.worker)
    before = {**await system.metrics(gateway), **await system.metrics(worker)}
    await _deliver(system)

    async def moved() -> bool:
        now = {**await system.metrics(gateway), **await system.metrics(worker)}
        return all(
            now.get(name, 0.0) >= before.get(name, 0.0) + 1
            for name in (
                "angarium_http_requests_total",
                "angarium_notifications_accepted_total",
                "angarium_notifications_finished_total",
                "angarium_accept_to_sent_seconds_count",
                "angarium_attempts_total",
                "angarium_provider_duration_seconds_count",
            )
        )

    await until(moved, 10)
    missing = GATEWAY_METRICS - (await system.metrics(gateway)).keys()
    assert not missing
    missing = WORKER_METRICS - (await system.metrics(worker)).keys()
    assert not missing


async def test_the_correlation_runs_through_every_log(system: System) -> None:
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


async def test_nothing_personal_is_ever_logged(system: System) -> None:
    canary = new_name("canary").replace("-", "")
    addresses = [f"{canary}{number}@example.com" for number in range(3)]
    phone = new_phone()
    system.sink.script(addresses[1], Step(rcpt=f"550 5.1.1 <{addresses[1]}> is unknown here"))
    system.sink.script(addresses[2], Step(rcpt=f"451 4.3.0 {canary} later"))
    user = await system.create_user(
        name=f"Name {canary}", email=addresses[0], phone=phone, push_token=f"token-{canary}"
    )
    secret = dict.fromkeys(("subject", "content", "text", "body"), "{{ secret }}")
    template = await system.create_template(**secret)
    body = {"template_code": template["code"], "variables": {"secret": f"variable-{canary}"}}
    ids = [
        (await system.send(notification_type=channel, user_id=user["user_id"], **body))["notification_id"]
        for channel in ("email", "push", "sms")
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
