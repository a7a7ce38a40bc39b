"""Timestamps outside the supported range are refused and do not affect other reports."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.system import System
from tests.support.system_verbs import new_email
from tests.support.wait import until


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_report_of_an_extreme_time_is_refused_and_others_are_applied(system: System, moment: str) -> None:
    template = await system.create_template()
    body = {"recipient": {"email": new_email()}, "template_code": template["code"], "variables": {"name": "Ada"}}
    later = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    waiting = await system.send(**body, send_at=later)
    report = {"notification_id": waiting["notification_id"], "status": "delivered"}
    answer = await system.client.post("/api/v1/email/status", json={**report, "timestamp": moment})
    assert answer.status_code == 400, answer.text
    assert "timestamp" in answer.text
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    early = await system.send(**body, send_at=soon)
    reported = datetime.now(UTC).replace(microsecond=0)
    report = {"notification_id": early["notification_id"], "status": "delivered", "timestamp": reported.isoformat()}
    assert (await system.client.post("/api/v1/email/status", json=report)).status_code == 200

    async def delivered_at() -> str | None:
        at: str | None = (await system.status(early["notification_id"]))["delivered_at"]
        return at

    at = await until(delivered_at, 20)
    assert at is not None
    assert datetime.fromisoformat(at) == reported


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_a_replay_to_an_extreme_time_is_refused(system: System, moment: str) -> None:
    body = {"from": "2026-11-20T09:00:00Z", "to": moment}
    assert (await system.client.post("/api/v1/callbacks/replay", json=body)).status_code == 400
