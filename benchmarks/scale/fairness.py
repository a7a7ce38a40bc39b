"""One tenant queues many notifications; then another tenant sends a few."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2

from benchmarks.load import Job
from benchmarks.resident import Load, Sink
from benchmarks.scale.crowd import PATH, item
from benchmarks.statistics import percentile
from tests.support.system import DistributedSystem

BULK = 1000
FEW = 10
GOAL = 2.0  # seconds


def fairness(system: DistributedSystem, load: Load, sink: Sink, template: str, count: int) -> Mapping[str, Any]:
    """Raises AssertionError unless the few are sent within the goal (p95) while most of the many still wait."""
    sink.reset()
    key, own_template = asyncio.run(_tenant(system))
    job = Job(
        port=system.ports["gateway"],
        path=f"{PATH}/bulk",
        headers=system.headers,
        item=item(template, "many"),
        choices=(),
        connections=4,
        count=count // BULK,
        bulk=BULK,
    )
    queued = load.run(job)
    assert queued["accepted"] == count, queued
    mails_before = sink.report()["mails"]
    waits = asyncio.run(_send_few(system, key, own_template))
    left = count - int(sink.report()["mails"])
    urgent, normal = ([seconds for high, seconds in waits if high is kind] for kind in (True, False))
    assert len(urgent) == len(normal) == FEW, waits
    slowest = {"urgent": percentile(urgent, 0.95), "normal": percentile(normal, 0.95)}
    assert max(slowest.values()) < GOAL, slowest
    drained = sink.wait(count, patience=30)
    return {
        "queued": count,
        "sent_before": mails_before,
        "left_after": left,
        "urgent_p95_s": slowest["urgent"],
        "normal_p95_s": slowest["normal"],
        "mails": drained["mails"],
    }


async def _tenant(system: DistributedSystem) -> tuple[str, str]:
    async with httpx2.AsyncClient(base_url=system.url, headers=system.headers, trust_env=False, timeout=30) as client:
        made = (await client.post("/api/v1/tenants", json={"tenant": "few"})).json()
        key: str = made["data"]["key"]
        body = {"code": "few", "subject": "Hello", "content": "<p>{{ name }}</p>"}
        answer = await client.post("/api/v1/templates", json=body, headers={"x-api-key": key})
        assert answer.status_code == 201, answer.text
    return key, "few"


async def _send_few(system: DistributedSystem, key: str, template: str) -> list[tuple[bool, float]]:
    headers = {"x-api-key": key}
    async with httpx2.AsyncClient(base_url=system.url, headers=headers, trust_env=False, timeout=30) as client:
        bodies = [
            {
                "notification_type": "email",
                "recipient": {"email": f"few{number}@example.com"},
                "template_code": template,
                "variables": {"name": "Ada"},
                "request_id": f"few-{number}",
                "priority": 9 if number % 2 else 5,
            }
            for number in range(2 * FEW)
        ]
        answers = await asyncio.gather(*(client.post(PATH, json=body) for body in bodies))
        assert {answer.status_code for answer in answers} == {202}
        listed: list[Mapping[str, Any]] = []
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            listed = (await client.get(f"{PATH}?status=sent&limit=100")).json()["data"]
            if len(listed) == len(bodies):
                break
            await asyncio.sleep(0.2)
    return [(view["priority"] == 9, _seconds(view)) for view in listed]


def _seconds(view: Mapping[str, Any]) -> float:
    begin, end = (datetime.fromisoformat(view[name]) for name in ("created_at", "sent_at"))
    return (end - begin).total_seconds()
