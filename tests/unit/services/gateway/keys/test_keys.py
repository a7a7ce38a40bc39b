"""API keys: seeding, the four calls, what the ring remembers."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from angarium.contracts.scopes import Scope
from angarium.platform.database.engine import reading
from angarium.services.gateway.audit.schema import audit_log
from angarium.services.gateway.keys.schema import api_keys
from tests.unit.services.gateway.conftest import API_KEY, PATH, SERVICE_TOKEN, World, error_of, fields_of

pytestmark = pytest.mark.slow

KEYS = "/api/v1/keys"


async def make(world: World, **body: Any) -> httpx2.Response:
    return await world.client.post(KEYS, json={"name": "shop", "scopes": ["notifications:send"], **body})


async def listed(world: World) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = (await world.client.get(KEYS)).json()["data"]
    return data


async def test_a_key_is_shown_once(world: World) -> None:
    made = await make(world, rate_limit="100/second")
    assert made.status_code == 201
    data = made.json()["data"]
    assert data.pop("key").startswith("ang_live_")
    assert data["name"] == "shop"
    assert data["scopes"] == ["notifications:send"]
    assert data["rate_limit"] == "100/second"
    assert data in await listed(world)


async def test_only_a_hash_is_stored(world: World) -> None:
    key = (await make(world)).json()["data"]["key"]
    async with reading(world.engine) as connection:
        rows = (await connection.execute(select(api_keys))).all()
    assert key not in repr(rows)
    assert API_KEY not in repr(rows)


async def test_a_key_does_what_its_scopes_say(world: World) -> None:
    key = {"x-api-key": (await make(world)).json()["data"]["key"]}
    assert (await world.send(headers=key)).status_code == 202
    refused = await world.client.get(PATH, headers=key)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "forbidden")
    assert (await world.client.get(KEYS, headers=key)).status_code == 403


@pytest.mark.parametrize("headers", [{"x-api-key": "ang_live_wrong"}, {"authorization": "Bearer x"}])
async def test_a_wrong_key_is_a_401(world: World, headers: dict[str, str]) -> None:
    del world.client.headers["x-api-key"]
    answer = await world.send(headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthorized")


async def test_no_key_is_a_401(world: World) -> None:
    del world.client.headers["x-api-key"]
    answer = await world.send()
    assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthorized")


async def test_a_revoked_key_is_a_401(world: World) -> None:
    data = (await make(world)).json()["data"]
    key = {"x-api-key": data["key"]}
    assert (await world.send(headers=key)).status_code == 202
    assert (await world.client.delete(f"{KEYS}/{data['key_id']}")).status_code == 200
    assert (await world.send(headers=key)).status_code == 401
    assert (await world.client.delete(f"{KEYS}/{data['key_id']}")).status_code == 404


async def test_a_rotated_key_keeps_its_name_and_so_its_request_ids(world: World) -> None:
    old = (await make(world)).json()["data"]
    first = await world.send(headers={"x-api-key": old["key"]})
    rotated = await world.client.post(f"{KEYS}/{old['key_id']}/rotate")
    assert rotated.status_code == 201
    new = rotated.json()["data"]
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    assert (await world.send(headers={"x-api-key": old["key"]})).status_code == 401
    again = await world.send(headers={"x-api-key": new["key"]})
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]


async def test_a_name_in_use_is_a_conflict(world: World) -> None:
    await make(world)
    answer = await make(world)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict")
    assert fields_of(answer) == ["name"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"kind": "other"}, "kind"),
        ({"rate_limit": "fast"}, "rate_limit"),
        ({"tenant": "other"}, "tenant"),
    ],
)
async def test_a_bad_field_is_named(world: World, body: dict[str, Any], field: str) -> None:
    answer = await make(world, **body)
    assert answer.status_code == 400
    assert fields_of(answer) == [field]


async def test_changes_are_in_the_audit_log_without_secrets(world: World) -> None:
    data = (await make(world)).json()["data"]
    await world.client.post(f"{KEYS}/{data['key_id']}/rotate")
    async with reading(world.engine) as connection:
        rows = (await connection.execute(select(audit_log).order_by(audit_log.c.id))).mappings().all()
    assert [row["action"] for row in rows] == ["key.created", "key.rotated"]
    assert {row["actor"] for row in rows} == {"default"}
    assert data["key"] not in repr(rows)


async def test_seeding_again_changes_nothing(world: World) -> None:
    before = await listed(world)
    await asyncio.gather(*(world.gateway.keys.seed(API_KEY) for _ in range(5)))
    assert await listed(world) == before


async def test_another_seed_revokes_the_one_before(world: World) -> None:
    await world.gateway.keys.seed("ang_live_another")
    world.gateway.ring.forget()
    assert (await world.send()).status_code == 401
    assert (await world.send(headers={"x-api-key": "ang_live_another"})).status_code == 202


async def test_the_use_of_a_key_is_noted(world: World) -> None:
    await world.send()
    await world.gateway.ring.once()
    [key] = await listed(world)
    assert key["last_used_at"] is not None


async def test_a_known_key_works_while_its_table_does_not_answer(world: World) -> None:
    assert (await world.client.get("/api/v1/users")).status_code == 200
    await world.engine.dispose()
    assert await world.gateway.ring.caller(API_KEY) is not None


async def test_services_verify_keys_here(world: World) -> None:
    service = {"x-service-token": SERVICE_TOKEN}
    good = await world.client.post("/internal/v1/verify", json={"api_key": API_KEY}, headers=service)
    assert good.status_code == 200
    data = good.json()["data"]
    assert (data["tenant"], data["name"]) == ("default", "default")
    assert set(data["scopes"]) == set(Scope)
    bad = await world.client.post("/internal/v1/verify", json={"api_key": "wrong"}, headers=service)
    assert bad.status_code == 401


async def test_clients_cannot_verify(world: World) -> None:
    answer = await world.client.post("/internal/v1/verify", json={"api_key": API_KEY})
    assert answer.status_code == 403


async def admin(world: World, **body: Any) -> dict[str, str]:
    made = await make(world, name=f"admin {len(body)}", scopes=["admin"], **body)
    assert made.headers["cache-control"] == "no-store"
    return {"x-api-key": made.json()["data"]["key"]}


@pytest.mark.parametrize(
    ("own", "wanted", "status"),
    [
        ({"kind": "test"}, {"kind": "live"}, 403),
        ({"kind": "test"}, {"kind": "test"}, 201),
        ({"rate_limit": "100/hour"}, {"rate_limit": "off"}, 403),
        ({"rate_limit": "100/hour"}, {"rate_limit": "1/second"}, 403),
        ({"rate_limit": "100/hour"}, {"rate_limit": "1/minute"}, 201),
        ({"rate_limit": "off"}, {"rate_limit": "999/second"}, 201),
        ({}, {"rate_limit": "off"}, 201),
    ],
)
async def test_no_key_makes_one_that_may_do_more(
    world: World, own: dict[str, Any], wanted: dict[str, Any], status: int
) -> None:
    headers = await admin(world, **own)
    made = await world.client.post(KEYS, json={"name": "new", "scopes": ["admin"], **wanted}, headers=headers)
    assert made.status_code == status


async def test_a_key_that_names_no_rate_has_its_makers(world: World) -> None:
    headers = await admin(world, kind="test", rate_limit="100/hour")
    made = await world.client.post(KEYS, json={"name": "new", "scopes": ["admin"], "kind": "test"}, headers=headers)
    assert made.json()["data"]["rate_limit"] == "100/hour"
    tenant = await world.client.post("/api/v1/tenants", json={"tenant": "acme"}, headers=headers)
    first = {"x-api-key": tenant.json()["data"]["key"]}
    [key] = (await world.client.get(KEYS, headers=first)).json()["data"]
    assert (key["kind"], key["rate_limit"]) == ("test", "100/hour")
    assert tenant.headers["cache-control"] == "no-store"


async def test_a_limited_admin_rotates_no_key_that_may_do_more(world: World) -> None:
    other = (await make(world)).json()["data"]["key_id"]
    for own in ({"kind": "test"}, {"kind": "live", "rate_limit": "100/hour"}):
        headers = await admin(world, **own)
        assert (await world.client.post(f"{KEYS}/{other}/rotate", headers=headers)).status_code == 403
    rotated = await world.client.post(f"{KEYS}/{other}/rotate")
    assert (rotated.status_code, rotated.headers["cache-control"]) == (201, "no-store")
    assert rotated.headers["x-content-type-options"] == "nosniff"
