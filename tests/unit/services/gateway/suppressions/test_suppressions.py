"""The suppression list by REST: what is taken, what is shown to whom, what is written to the audit log."""

import csv
import io
from typing import Any

import httpx2
import pytest

from angarium.contracts.scopes import Scope
from tests.unit.services.gateway.conftest import World, error_of, fields_of

PATH = "/api/v1/suppressions"
ADA = {"channel": "email", "address": "ada@example.com"}


async def add(world: World, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
    return await world.client.post(PATH, json={**ADA, **body}, headers=headers)


async def listed(world: World, headers: dict[str, str] | None = None, **query: str) -> list[dict[str, Any]]:
    answer = await world.client.get(PATH, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    assert answer.json()["meta"]["total"] == len(found)
    return found


async def load(world: World, text: str, content_type: str = "text/csv") -> httpx2.Response:
    return await world.client.post(f"{PATH}/import", content=text.encode(), headers={"content-type": content_type})


async def actions(world: World) -> list[tuple[str, str]]:
    entries = (await world.client.get("/api/v1/audit", params={"limit": 100})).json()["data"]
    return [(one["action"], one["object"]) for one in entries if one["action"].startswith("suppression.")]


async def test_an_entry_is_added_listed_and_removed(world: World) -> None:
    made = await add(world)
    assert made.status_code == 200, made.text
    entry = made.json()["data"]
    assert entry == {
        "id": entry["id"],
        "channel": "email",
        "address": "ada@example.com",
        "reason": "manual",
        "source": "api",
        "created_at": entry["created_at"],
        "expires_at": None,
    }
    assert await listed(world) == [entry]
    assert (await world.client.delete(f"{PATH}/{entry['id']}")).status_code == 200
    assert await listed(world) == []
    assert (await world.client.delete(f"{PATH}/{entry['id']}")).status_code == 404
    assert await actions(world) == [("suppression.removed", entry["id"]), ("suppression.added", entry["id"])]


async def test_the_same_address_and_reason_is_one_entry(world: World) -> None:
    first = (await add(world)).json()["data"]
    second = (await add(world, source="desk", expires_at="2099-01-01T00:00:00Z")).json()["data"]
    assert second == {**first, "source": "desk", "expires_at": "2099-01-01T00:00:00Z"}
    assert (await add(world, reason="complaint")).json()["data"]["id"] != first["id"]
    assert len(await listed(world)) == 2


async def test_addresses_are_normalised_by_the_rule_of_their_channel(world: World) -> None:
    made = await add(world, channel="sms", address="+1 (415) 555-0123")
    assert made.json()["data"]["address"] == "+14155550123"
    assert len(await listed(world, address="+1 415 555 0123")) == 1
    await add(world, address="Ada@EXAMPLE.com")
    await add(world, address="ada@example.com")
    assert len(await listed(world, channel="email")) == 1


async def test_the_list_is_filtered(world: World) -> None:
    await add(world)
    await add(world, reason="opt_out")
    await add(world, channel="sms", address="+14155550123")
    assert len(await listed(world)) == 3
    assert len(await listed(world, channel="sms")) == 1
    assert len(await listed(world, reason="opt_out")) == 1
    assert len(await listed(world, address="ada@example.com")) == 2
    assert await listed(world, address="bob@example.com") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "ada"}, "address"),
        ({"address": "ada@example.com\r\nBcc: x@example.com"}, "address"),
        ({"channel": "sms"}, "address"),
        ({"channel": "push"}, "channel"),
        ({"reason": "because"}, "reason"),
        ({"source": ""}, "source"),
        ({"source": "=cmd()"}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"expires_at": "1999-01-01T00:00:00Z"}, "expires_at"),
        ({"tenant": "other"}, "tenant"),
    ],
)
async def test_a_bad_field_is_named(world: World, body: dict[str, Any], field: str) -> None:
    answer = await add(world, **body)
    assert answer.status_code == 400
    assert fields_of(answer) == [field]
    assert await listed(world) == []


@pytest.mark.parametrize("query", [{"address": "ada"}, {"channel": "push"}, {"reason": "x"}, {"user": "1"}])
async def test_a_bad_filter_is_named(world: World, query: dict[str, str]) -> None:
    answer = await world.client.get(PATH, params=query)
    assert answer.status_code == 400
    assert fields_of(answer) == list(query)


async def test_the_scope_is_needed(world: World) -> None:
    manager = await world.key(Scope.SUPPRESSIONS_MANAGE)
    other = await world.key(*(scope for scope in Scope if scope not in {Scope.SUPPRESSIONS_MANAGE, Scope.ADMIN}))
    made = (await add(world, headers=manager)).json()["data"]
    assert await listed(world, headers=manager) == [made]
    for method, path in (
        ("GET", PATH),
        ("POST", PATH),
        ("DELETE", f"{PATH}/{made['id']}"),
        ("POST", f"{PATH}/import"),
        ("GET", f"{PATH}/export"),
    ):
        answer = await world.client.request(method, path, headers=other)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "forbidden")


async def test_another_tenant_sees_and_changes_nothing(world: World) -> None:
    made = (await add(world)).json()["data"]
    foreign = {"x-api-key": (await world.client.post("/api/v1/tenants", json={"tenant": "acme"})).json()["data"]["key"]}
    assert await listed(world, headers=foreign) == []
    assert (await world.client.delete(f"{PATH}/{made['id']}", headers=foreign)).status_code == 404
    assert "ada" not in (await world.client.get(f"{PATH}/export", headers=foreign)).text
    await add(world, headers=foreign, source="acme")
    assert await listed(world) == [made]


async def test_an_import_adds_good_lines_and_names_bad_ones(world: World) -> None:
    text = (
        "channel,address,reason,source,expires_at\r\n"
        "email,ada@example.com,opt_out,crm,\r\n"
        "\r\n"
        "sms,+1 415 555 0123,,,2099-01-01T00:00:00Z\r\n"
        "email,nobody,,,\r\n"
        "fax,1,,,\r\n"
    )
    answer = await load(world, text)
    assert answer.status_code == 200, answer.text
    report = answer.json()["data"]
    assert (report["added"], report["changed"], report["refused"]) == (2, 0, 2)
    assert [(fault["line"], fault["field"]) for fault in report["faults"]] == [(5, "address"), (6, "channel")]
    entries = {(one["address"], one["reason"], one["source"]) for one in await listed(world)}
    assert entries == {("ada@example.com", "opt_out", "crm"), ("+14155550123", "manual", "import")}
    again = (await load(world, text)).json()["data"]
    assert (again["added"], again["changed"]) == (0, 2)
    assert ("suppression.imported", "2 new, 0 changed") in await actions(world)


@pytest.mark.parametrize("faulty", ["email,b@example.com,x", 'email,"b@example.com', "b" * 140_000])
async def test_a_line_that_cannot_be_read_leaves_the_others(world: World, faulty: str) -> None:
    report = (await load(world, f"channel,address\nemail,a@example.com\n{faulty}\nsms,+14155550123\n")).json()["data"]
    assert (report["added"], report["refused"]) == (2, 1)
    assert [(fault["line"], fault["field"]) for fault in report["faults"]] == [(3, "body")]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "channel"),
        ("channel\nemail\n", "address"),
        ("channel,address,colour\n", "colour"),
        ("channel,address,address\n", "address"),
        ("channel,address\n", "body"),
        ('channel,"address\nemail,a@example.com\n', "body"),
        ("channel,address\n" + "email,a@example.com\n" * 10_001, "body"),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_as_a_whole(world: World, text: str, field: str) -> None:
    answer = await load(world, text)
    assert answer.status_code == 400
    assert field in fields_of(answer)
    assert await listed(world) == []


async def test_an_import_of_another_type_is_refused(world: World) -> None:
    answer = await load(world, "{}", "application/json")
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


async def test_an_export_is_an_import(world: World) -> None:
    await add(world, reason="complaint", source='odd, "name"', expires_at="2099-01-01T00:00:00Z")
    await add(world, channel="sms", address="+14155550123")
    exported = await world.client.get(f"{PATH}/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    before = await listed(world)
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert {(row["address"], row["reason"], row["source"]) for row in rows} == {
        (one["address"], one["reason"], one["source"]) for one in before
    }
    for one in before:
        await world.client.delete(f"{PATH}/{one['id']}")
    assert (await load(world, exported.text)).json()["data"]["added"] == 2
    kept = ("channel", "address", "reason", "source", "expires_at")
    assert [[one[name] for name in kept] for one in sorted(await listed(world), key=lambda one: one["address"])] == [
        [one[name] for name in kept] for one in sorted(before, key=lambda one: one["address"])
    ]


async def test_an_export_takes_the_filters_of_the_list(world: World) -> None:
    await add(world)
    await add(world, channel="sms", address="+14155550123")
    text = (await world.client.get(f"{PATH}/export", params={"channel": "sms"})).text
    assert "+14155550123" in text
    assert "ada@example.com" not in text


async def test_neither_log_nor_audit_shows_an_address(world: World) -> None:
    made = (await add(world)).json()["data"]
    await load(world, "channel,address\nemail,ada@example.com\n")
    await world.client.delete(f"{PATH}/{made['id']}")
    assert len(await actions(world)) == 3
    assert "ada@example.com" not in world.log.getvalue()
    assert all("ada" not in subject for _, subject in await actions(world))
