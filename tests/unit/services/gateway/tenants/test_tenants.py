"""Tenants: who may make them, and what a new one gets."""

from typing import Any

import httpx2
import pytest

from angarium.contracts.scopes import Scope
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of

TENANTS = "/api/v1/tenants"


async def make(world: World, tenant: str = "acme", **body: Any) -> httpx2.Response:
    return await world.client.post(TENANTS, json={"tenant": tenant, **body})


async def test_a_new_tenant_gets_its_first_key_shown_once(world: World) -> None:
    made = await make(world, name="Acme, Inc.")
    assert made.status_code == 201
    data = made.json()["data"]
    key = {"x-api-key": data.pop("key")}
    data.pop("key_id")
    listed = (await world.client.get(TENANTS)).json()
    assert data in listed["data"]
    assert [tenant["tenant"] for tenant in listed["data"]] == ["acme", "default"]
    own = (await world.client.get("/api/v1/keys", headers=key)).json()["data"]
    assert [(one["name"], one["tenant"], one["scopes"]) for one in own] == [("admin", "acme", ["admin"])]
    assert (await world.client.get(PATH, headers=key)).json()["meta"]["total"] == 0


async def test_a_taken_id_is_a_conflict_and_makes_no_key(world: World) -> None:
    await make(world)
    again = await make(world)
    assert (again.status_code, error_of(again)["code"]) == (409, "conflict")
    assert (await make(world, "default")).status_code == 409
    assert (await world.client.get("/api/v1/keys")).json()["meta"]["total"] == 1


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"tenant": ""}, "tenant"),
    ({"tenant": "A b"}, "tenant"),
    ({"tenant": "a" * 64}, "tenant"),
    ({"name": "a\nb"}, "name"),
    ({"key": "mine"}, "key"),
]


async def test_a_bad_field_is_named(world: World, subtests: pytest.Subtests) -> None:
    for body, field in BAD_FIELDS:
        with subtests.test(body=body, field=field):
            answer = await world.client.post(TENANTS, json={"tenant": "acme", **body})
            assert answer.status_code == 400
            assert fields_of(answer) == [field]


async def test_only_admins_of_the_default_tenant_may(world: World) -> None:
    other = {"x-api-key": (await make(world)).json()["data"]["key"]}
    some = await world.key(Scope.USERS_WRITE)
    for headers in (other, some):
        assert (await world.client.get(TENANTS, headers=headers)).status_code == 403
        assert (await world.client.post(TENANTS, json={"tenant": "more"}, headers=headers)).status_code == 403


async def test_it_is_in_the_audit_log(world: World) -> None:
    await make(world)
    [entry] = (await world.client.get("/api/v1/audit?action=tenant.created")).json()["data"]
    assert (entry["actor"], entry["object"]) == ("default", "acme")
