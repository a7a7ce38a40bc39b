"""Personal data is removed from old finished notifications, and `angarium prune` deletes them."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.system import ANGARIUM, EmbeddedSystem, running
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.slow


@pytest.mark.fault(50)
async def test_finished_notifications_are_redacted_and_waiting_ones_are_not(sink: SmtpSink, tmp_path: Path) -> None:
    system = EmbeddedSystem(tmp_path, sink=sink, settings={"REDACT_AFTER": "1s"})
    with running(system):
        async with system.connected():
            address = new_email()
            template = await system.create_template()
            about = {"template_code": template["code"], "variables": {"name": "Ada"}, "recipient": {"email": address}}
            sent = await system.deliver(**about)
            later = await system.send(**about, send_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())

            async def redacted() -> bool:
                return not (await _shown(system, sent["notification_id"]))["variables"]

            await until(redacted, 30, interval=0.2)
            shown = await _shown(system, sent["notification_id"])
            assert shown["status"] == "sent"
            assert address not in json.dumps(shown)
            assert (await _shown(system, later["notification_id"]))["variables"] == {"name": "Ada"}
            assert (await system.metrics(system.url))["angarium_retention_rows_total"] >= 1
            repeated = await system.client.get("/api/v1/notifications", params={"request_id": sent["request_id"]})
            assert repeated.json()["data"][0]["notification_id"] == sent["notification_id"]
            report = await _prune(tmp_path, system, "--older-than", "24h", "--dry-run")
            assert (report["candidates"], report["dry_run"]) == ([], True)
            report = await _prune(tmp_path, system, "--older-than", "0.1s", "--redact")
            assert report["task"] == "redact"


async def _shown(system: EmbeddedSystem, notification_id: str) -> dict[str, Any]:
    answer = await system.client.get(f"/api/v1/notifications/{notification_id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["data"]
    return shown


async def _prune(folder: Path, system: EmbeddedSystem, *options: str) -> dict[str, Any]:
    """Run `angarium prune` while the system runs, and return its report."""
    [file] = await asyncio.to_thread(lambda: list(folder.rglob("notifications.sqlite3")))
    environment = os.environ | {"ANGARIUM_NOTIFICATIONS_DATABASE_URL": f"sqlite:///{file}"}
    process = await asyncio.create_subprocess_exec(
        str(ANGARIUM), "prune", *options, "--json", env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(out)
    return report
