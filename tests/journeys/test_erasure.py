"""A user who is erased leaves nothing behind, wherever the system keeps things."""

import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from redis.asyncio import Redis

from tests.support.servers.binaries import find
from tests.support.system import DistributedSystem, System
from tests.support.wait import until


def _dump(system: System) -> str:
    """What every database holds, and every log; the mailbox stands for the world outside."""
    kept = [system.logs()]
    if isinstance(system, DistributedSystem):
        for url in system.databases.values():
            command = [find("pg_dump", "postgresql-client", ()), "--data-only", url]
            kept.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ours
    else:
        for path in system.data_dir.glob("*.sqlite3"):
            if "mailbox" not in path.name:
                connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                kept += connection.iterdump()
                connection.close()
    return "\n".join(kept)


async def test_nothing_is_left_of_an_erased_user(system: System) -> None:
    canary = f"canary{uuid4().hex}"
    template = await system.create_template()
    user = await system.create_user(name=canary, email=f"{canary}@example.com", timezone="UTC")
    about = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": canary}}
    sent = await system.send(**about, metadata={"for": canary})
    await system.wait_for(sent["notification_id"], "sent")
    later = await system.send(**about, send_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    assert canary in _dump(system)
    gone = await system.client.delete(f"/api/v1/users/{user['user_id']}")
    assert gone.status_code == 200, gone.text
    await until(lambda: canary not in _dump(system), 20, interval=0.2)
    shown = await system.wait_for(later["notification_id"], "cancelled")
    assert (shown["variables"], shown["reason"]["code"]) == ({}, "user_erased")
    kept = await system.status(sent["notification_id"])
    assert (kept["status"], kept["variables"], kept["metadata"]) == ("sent", {}, {})
    assert (await system.client.get(f"/api/v1/users/{user['user_id']}")).status_code == 404
    if isinstance(system, DistributedSystem):
        async with Redis.from_url(system.redis.url) as redis:
            assert await redis.get(f"user:preferences:{user['user_id']}") is None
