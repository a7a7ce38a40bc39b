"""The whole system in the set-up of large installations: PgBouncer, standbys, Sentinel, secret files, Kubernetes."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import PgBouncer, PostgreSQL, RabbitMQ, Redis, RedisSentinel, Standby
from tests.support.system import DistributedSystem, running
from tests.support.system_verbs import new_email, new_name
from tests.support.wait import until

pytestmark = [pytest.mark.distributed, pytest.mark.long]

BACK_WITHIN = 30.0
KUBERNETES = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "8000",
    "PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "GATEWAY_PORT_8000_TCP_ADDR": "10.0.0.1",
}
"""The variables that Kubernetes sets for Services named `angarium` and `angarium-gateway`."""


@dataclass
class Place:
    """A system and its servers."""

    system: DistributedSystem
    primary: PostgreSQL
    standby: Standby
    pooler: PgBouncer
    redis: Redis


@pytest.fixture(scope="module")
def place(
    servers_folder: Path, shared_sink: SmtpSink, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    rabbitmq.start_now()
    folder = servers_folder / "place"
    with (
        PostgreSQL(folder / "primary") as primary,
        Standby(folder / "standby", primary) as standby,
        PgBouncer(folder / "pgbouncer", primary) as pooler,
        Redis(folder / "redis") as redis,
        Redis(folder / "redis-replica") as replica,
    ):
        asyncio.run(replica.follow(redis))
        asyncio.run(until(replica.replicates, 15))
        with RedisSentinel(folder / "sentinel", redis) as sentinel:
            asyncio.run(until(sentinel.knows_a_replica, 15))
            settings = _settings(primary, standby, pooler, sentinel)
            token = tmp_path_factory.mktemp("secrets") / "service-token"
            token.write_text(f"{secrets.token_hex(20)}\n")
            system = DistributedSystem(
                tmp_path_factory.mktemp("system"),
                sink=shared_sink,
                postgresql=primary,
                rabbitmq=rabbitmq,
                redis=redis,
                settings={**settings, "SERVICE_TOKEN": "", "SERVICE_TOKEN_FILE": str(token), **KUBERNETES},
            )
            with running(system):
                yield Place(system, primary, standby, pooler, redis)


def _settings(primary: PostgreSQL, standby: Standby, pooler: PgBouncer, sentinel: RedisSentinel) -> dict[str, str]:
    """Settings: notifications and users use the pooler, templates the writable one of two hosts, lists the standby."""
    notifications, users, templates = (asyncio.run(primary.create_database()) for _ in range(3))
    both = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"

    def behind(url: str) -> str:
        return url.replace(f":{primary.port}/", f":{standby.port}/")

    return {
        "NOTIFICATIONS_DATABASE_URL": pooler.url_of(notifications),
        "NOTIFICATIONS_READ_DATABASE_URL": behind(notifications),
        "USERS_DATABASE_URL": pooler.url_of(users),
        "USERS_READ_DATABASE_URL": behind(users),
        "TEMPLATES_DATABASE_URL": templates.replace(f"127.0.0.1:{primary.port}", both)
        + "?target_session_attrs=read-write",
        "TEMPLATES_READ_DATABASE_URL": behind(templates),
        "CACHE_URL": sentinel.url,
        "STATUS_EVENTS": "on",
    }


@pytest.fixture
async def connected(place: Place) -> AsyncIterator[Place]:
    await place.standby.start()
    async with place.system.connected():
        yield place


@pytest.mark.fault(62)
async def test_accepted_notifications_are_sent_once_behind_poolers_and_standbys(connected: Place) -> None:
    system = connected.system
    code = (await system.create_template())["code"]
    people = [await system.create_user() for _ in range(10)]
    bodies = [
        {
            "notification_type": "email",
            "template_code": code,
            "variables": {"name": "Ada"},
            "request_id": new_name("request"),
            **({"user_id": people[number % 10]["user_id"]} if number % 2 else {"recipient": {"email": new_email()}}),
        }
        for number in range(200)
    ]
    ids = await system.send_many(bodies)
    singly = await asyncio.gather(
        *(
            system.send(template_code=code, variables={"name": "Ada"}, recipient={"email": new_email()})
            for _ in range(40)
        )
    )
    ids += [one["notification_id"] for one in singly]
    ended = await asyncio.gather(*(system.wait_for(id_, "sent") for id_ in ids))
    assert [(one["status"], one["attempts"]) for one in ended] == [("sent", 1)] * 240
    assert (await system.submit(**{**bodies[0], "priority": 9})).status_code == 409
    log = system.logs()
    for trace in ("prepared statement", "Traceback", '"level": "error"'):
        assert trace not in log


async def test_lists_are_read_from_the_standby_and_single_objects_from_the_primary(connected: Place) -> None:
    system, standby = connected.system, connected.standby
    await standby.sql("SELECT pg_wal_replay_pause()")
    try:
        user = await system.create_user()
        code = (await system.create_template())["code"]
        listed = await system.client.get("/api/v1/users", params={"email": user["email"]})
        templates = await system.client.get("/api/v1/templates", params={"search": code})
        own = await system.client.get(f"/api/v1/users/{user['user_id']}")
        template = await system.client.get(f"/api/v1/templates/{code}")
        again = await system.client.post("/api/v1/users", json={"name": "Other", "email": user["email"]})
        sent = await system.deliver(template_code=code, variables={"name": "Ada"}, user_id=user["user_id"])
    finally:
        await standby.sql("SELECT pg_wal_replay_resume()")
    assert (listed.json()["data"], templates.json()["data"]) == ([], [])
    assert (own.status_code, template.status_code, again.status_code) == (200, 200, 409)
    assert sent["status"] == "sent"

    async def arrived() -> bool:
        found = await system.client.get("/api/v1/users", params={"email": user["email"]})
        return [one["user_id"] for one in found.json()["data"]] == [user["user_id"]]

    await until(arrived, 10)


async def test_lists_are_read_from_the_primary_without_the_standby(connected: Place) -> None:
    system = connected.system
    await connected.standby.kill()
    user = await system.create_user()
    code = (await system.create_template())["code"]
    users = await system.client.get("/api/v1/users", params={"email": user["email"]})
    templates = await system.client.get("/api/v1/templates", params={"search": code})
    notifications = await system.client.get("/api/v1/notifications")
    assert [one["user_id"] for one in users.json()["data"]] == [user["user_id"]]
    assert [one["code"] for one in templates.json()["data"]] == [code]
    assert notifications.status_code == 200


async def test_changes_reach_every_process_after_a_failover_of_redis(connected: Place) -> None:
    system = connected.system
    user = await system.create_user()
    code = (await system.create_template())["code"]
    await connected.redis.kill()
    sent = await system.deliver(template_code=code, variables={"name": "Ada"}, user_id=user["user_id"])
    assert sent["status"] == "sent"

    async def cached() -> bool:
        answer = await system.client.get("/ready")
        return bool(answer.json()["dependencies"]["cache"] == "up")

    await until(cached, BACK_WITHIN)


@pytest.mark.fault(62)
async def test_a_restart_of_the_pooler_causes_a_503_only_until_it_is_back(connected: Place) -> None:
    system = connected.system
    body = {"template_code": (await system.create_template())["code"], "variables": {"name": "Ada"}}
    await connected.pooler.stop()
    refused = await system.submit(**body, recipient={"email": new_email()})
    assert refused.status_code == 503, refused.text
    await connected.pooler.start()

    async def accepted() -> bool:
        return (await system.submit(**body, recipient={"email": new_email()})).status_code == 202

    await until(accepted, BACK_WITHIN)


async def test_variables_injected_by_kubernetes_are_ignored_and_logged(connected: Place) -> None:
    lines = [
        json.loads(line) for line in connected.system.log("users").read_text().splitlines() if "settings.ig" in line
    ]
    assert lines
    assert set(lines[0]["names"]) == {f"ANGARIUM_{name}" for name in KUBERNETES}
