"""The audit log: who changed what, when, from where."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.event import listen

from angarium.contracts.errors import Transient
from angarium.contracts.scopes import Scope
from angarium.platform.database.engine import writing
from angarium.services.gateway.audit.schema import audit_log
from angarium.services.gateway.audit.store import Entry
from tests.unit.services.gateway.conftest import PATH, SERVICE_TOKEN, World

pytestmark = pytest.mark.slow

AUDIT = "/api/v1/audit"
REPORTS = "/internal/v1/audit"
SERVICE = {"x-service-token": SERVICE_TOKEN}


async def entries(world: World, query: str = "") -> list[dict[str, Any]]:
    answer = await world.client.get(f"{AUDIT}{query}")
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def report(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "at": datetime.now(UTC).isoformat(),
        "tenant": "default",
        "actor": "shop",
        "action": "user.deleted",
        "object": "7f9c",
        "address": "192.0.2.7",
        "correlation_id": "c-1",
        **changes,
    }


async def test_an_entry_says_who_what_when_and_from_where(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys",
        json={"name": "shop", "scopes": ["users:read"]},
        headers={"x-correlation-id": "c-7", "x-forwarded-for": "203.0.113.9"},
    )
    [entry] = await entries(world)
    at = datetime.fromisoformat(entry.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert entry == {
        "actor": "default",
        "action": "key.created",
        "object": made.json()["data"]["key_id"],
        "from": "127.0.0.1",
        "correlation_id": "c-7",
    }


async def test_newest_first_by_page_and_by_cursor(world: World) -> None:
    for number in range(3):
        await world.key(Scope.USERS_READ, name=f"key-{number}")
    objects = [entry["object"] for entry in await entries(world)]
    assert objects == list(reversed(list(world.keys.values())))
    first = (await world.client.get(f"{AUDIT}?limit=2")).json()
    assert (first["meta"]["total"], len(first["data"])) == (3, 2)
    rest = await entries(world, f"?limit=2&cursor={first['meta']['next_cursor']}")
    assert [entry["object"] for entry in rest] == objects[2:]


async def test_a_long_list_is_counted_up_to_ten_thousand_and_behind_a_cursor_not_at_all(world: World) -> None:
    row = {"tenant": "default", "at": datetime.now(UTC), "actor": "a", "action": "x", "object": "o"}
    async with writing(world.engine) as connection:
        rows = [{**row, "id": uuid4(), "actor": "b" if number < 10_000 else "a"} for number in range(10_001)]
        await connection.execute(insert(audit_log), rows)
    first = (await world.client.get(AUDIT)).json()["meta"]
    assert (first["total"], first["total_capped"], first["total_pages"], first["has_next"]) == (
        10_000,
        True,
        1000,
        True,
    )
    counts: list[str] = []

    def note(*event: Any) -> None:
        counts.extend(statement for statement in event[2:3] if "count(" in statement)

    listen(world.engine.sync_engine, "before_cursor_execute", note)
    exact = (await world.client.get(f"{AUDIT}?actor=b")).json()["meta"]
    assert (exact["total"], "total_capped" in exact, len(counts)) == (10_000, False, 1)
    second = (await world.client.get(f"{AUDIT}?cursor={first['next_cursor']}")).json()["meta"]
    assert (second["total"], second["total_pages"], second["has_next"], len(counts)) == (None, None, True, 1)


async def test_the_filters(world: World) -> None:
    await world.key(Scope.USERS_READ, name="a")
    await world.client.delete(f"/api/v1/keys/{world.keys['a']}")
    assert [e["action"] for e in await entries(world, f"?object={world.keys['a']}")] == ["key.revoked", "key.created"]
    assert [e["action"] for e in await entries(world, "?action=key.revoked&actor=default")] == ["key.revoked"]
    assert await entries(world, "?actor=nobody") == []
    assert await entries(world, "?to=2020-01-01T00:00:00Z") == []
    assert len(await entries(world, "?from=2020-01-01T00:00:00Z")) == 2
    assert (await world.client.get(f"{AUDIT}?cursor=x")).status_code == 400


async def test_only_admins_read_it_and_only_their_own(world: World) -> None:
    reader = await world.key(Scope.NOTIFICATIONS_READ)
    assert (await world.client.get(AUDIT, headers=reader)).status_code == 403
    other = (await world.client.post("/api/v1/tenants", json={"tenant": "acme"})).json()["data"]["key"]
    assert (await world.client.get(AUDIT, headers={"x-api-key": other})).json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "action", "subject"),
    [
        ("POST", "/users", "user.created", "7f9c"),
        ("PUT", "/users/7f9c", "user.replaced", "7f9c"),
        ("PATCH", "/users/7f9c/", "user.changed", "7f9c"),
        ("DELETE", "/users/7f9c", "user.deleted", "7f9c"),
        ("PATCH", "/users/7f9c/preferences", "preferences.changed", "7f9c/preferences"),
        ("POST", "/users/7f9c/devices", "device.registered", "7f9c/devices"),
        ("POST", "/templates/welcome/versions/2/publish", "template.published", "welcome/versions/2/publish"),
        ("DELETE", "/templates/welcome", "template.archived", "welcome"),
        ("POST", "/users/7f9c/unheard-of", "users.post", "7f9c/unheard-of"),
    ],
)
async def test_a_change_through_the_gateway_is_noted(
    world: World, method: str, path: str, action: str, subject: str
) -> None:
    for upstream in (world.users, world.template_service):
        upstream.body = b'{"success":true,"data":{"user_id":"7f9c"}}'
    assert (await world.client.request(method, f"/api/v1{path}", json={})).status_code == 200
    [entry] = await entries(world)
    assert (entry["action"], entry["object"]) == (action, subject)


async def test_what_changes_nothing_is_not_noted(world: World) -> None:
    await world.client.get("/api/v1/users/7f9c")
    await world.client.post("/api/v1/templates/welcome/preview", json={})
    world.users.status = 404
    await world.client.delete("/api/v1/users/7f9c")
    assert await entries(world) == []


async def test_a_cancelled_notification_is_noted(world: World) -> None:
    made = (await world.send()).json()["data"]["notification_id"]
    assert (await world.client.post(f"{PATH}/{made}/cancel")).status_code == 200
    assert (await world.client.post(f"{PATH}/{made}/cancel")).status_code == 409
    [entry] = await entries(world)
    assert (entry["action"], entry["object"]) == ("notification.cancelled", made)


async def test_other_services_report_and_may_repeat_themselves(world: World) -> None:
    body = {"reports": [report(), report(action="user.created", tenant="acme")]}
    for _ in range(2):
        assert (await world.client.post(REPORTS, json=body, headers=SERVICE)).status_code == 200
    [entry] = await entries(world)
    assert (entry["action"], entry["from"], entry["actor"]) == ("user.deleted", "192.0.2.7", "shop")


async def test_clients_cannot_report(world: World) -> None:
    assert (await world.client.post(REPORTS, json={"reports": [report()]})).status_code == 403
    assert await entries(world) == []


async def test_a_change_made_while_the_database_is_away_is_noted_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise Transient

    audit = world.gateway.audit
    with monkeypatch.context() as broken:
        broken.setattr(audit, "write_many", away)
        assert (await world.client.delete("/api/v1/users/7f9c")).status_code == 200
        await audit.backlog.flush()
    assert await entries(world) == []
    await audit.backlog.flush()
    assert [entry["action"] for entry in await entries(world)] == ["user.deleted"]


async def test_an_entry_that_the_database_refuses_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = world.gateway.audit
    write_many = audit.write_many

    async def away(_: object) -> None:
        raise Transient

    async def picky(held: Sequence[Entry]) -> None:
        if any(entry.subject == "bad" for entry in held):
            raise ValueError
        await write_many(held)

    monkeypatch.setattr(audit, "write_many", away)
    for user in ("1", "bad", "2"):
        await world.client.delete(f"/api/v1/users/{user}")
    monkeypatch.setattr(audit, "write_many", picky)
    await audit.backlog.flush()
    monkeypatch.undo()
    assert sorted(entry["object"] for entry in await entries(world)) == ["1", "2"]
    [lost] = world.lines("audit.lost")
    assert lost["object"] == "bad"
