"""Many users from one file: bad rows are reported with their lines, the others go in."""

import asyncio
import json
import resource
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from angarium.services.users.imports.model import ImportJob
from angarium.services.users.imports.rows import MOST_ROWS, read_file
from angarium.services.users.imports.store import ImportJobs
from angarium.services.users.imports.use_cases import BATCH, MOST_OF_A_TENANT
from tests.support.wait import until
from tests.unit.services.users.conftest import Users

pytestmark = pytest.mark.slow

CSV = """name,email,phone,metadata
Ada,ada@example.com,,"{
""tier"": 1}"
Bob,bob@example.com,+1 415 555 0123,

Eve,not an address,,
,nobody@example.com,,
Ada again,ADA@example.com,,
Zoe,,12345,
Kim,kim@example.com,,{broken
Tom,tom@example.com,,,extra
"""


async def run(client: httpx2.AsyncClient, body: str, kind: str = "text/csv", **query: str) -> Any:
    answer = await client.post("/users/import", content=body.encode(), headers={"content-type": kind}, params=query)
    assert answer.status_code == 202, answer.text
    path = f"/users/imports/{answer.json()['data']['import_id']}"

    async def ended() -> Any:
        report = (await client.get(path)).json()["data"]
        return report if report["status"] != "running" else None

    return await until(ended)


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) if not isinstance(row, str) else row for row in rows)


async def listed(client: httpx2.AsyncClient) -> dict[str, Any]:
    return {user["name"]: user for user in (await client.get("/users?limit=100")).json()["data"]}


async def test_csv(client: httpx2.AsyncClient) -> None:
    report = await run(client, CSV, "text/csv; charset=utf-8")
    assert {name: report[name] for name in ("status", "total", "processed", "created", "updated", "failed")} == {
        "status": "finished", "total": 8, "processed": 8, "created": 2, "updated": 0, "failed": 6,
    }  # fmt: skip
    faults = [(fault["line"], fault["field"]) for fault in report["errors"]]
    assert faults == [(6, "email"), (7, "name"), (8, "email"), (9, "phone"), (10, "metadata"), (11, "body")]
    people = await listed(client)
    assert people["Ada"]["metadata"] == {"tier": 1}
    assert people["Ada"]["phone"] is None


async def test_json_lines(client: httpx2.AsyncClient) -> None:
    whole = {
        "name": "Ada",
        "email": "ada@example.com",
        "preferences": {"sms": False},
        "push_token": "t",
        "locale": "fr",
    }
    body = lines(
        whole,
        "",
        "{",
        [1],
        {"name": "B", "email": "b@example.com", "password": "long enough"},
        {"name": "C", "email": "c@example.com", "colour": "red"},
        {"name": "D", "email": "d@example.com", "preferences": {"categories": {"security": {"email": False}}}},
    )
    report = await run(client, body, "application/x-ndjson")
    assert (report["created"], report["failed"]) == (1, 5)
    assert [(fault["line"], fault["field"]) for fault in report["errors"]] == [
        (3, "body"), (4, "body"), (5, "password"), (6, "colour"), (7, "preferences.categories.security.email"),
    ]  # fmt: skip
    found = (await listed(client))["Ada"]
    assert (found["push_token"], found["locale"], found["preferences"]["sms"]) == ("t", "fr", False)


@pytest.mark.parametrize("faulty", ['"B,b@example.com', '"B"x,b@example.com', "B" * 140_000, "B,b@example.com,x"])
async def test_a_row_that_cannot_be_read_leaves_the_others(client: httpx2.AsyncClient, faulty: str) -> None:
    report = await run(client, f"name,email\nA,a@example.com\n{faulty}\nC,c@example.com\n")
    assert (report["created"], report["failed"]) == (2, 1)
    assert [(fault["line"], fault["field"]) for fault in report["errors"]] == [(3, "body")]


@pytest.mark.parametrize("upsert", [False, True])
async def test_a_row_of_someone_who_is_there(client: httpx2.AsyncClient, *, upsert: bool) -> None:
    body = {"name": "Old", "email": "ada@example.com", "phone": "+14155550123"}
    user_id = (await client.post("/users", json=body)).json()["data"]["user_id"]
    rows = lines({"email": "ADA@Example.com", "name": "New"}, {"name": "B", "email": "b@example.com"})
    report = await run(client, rows, "application/x-ndjson", upsert=str(upsert).lower())
    assert (report["created"], report["updated"], report["failed"]) == ((1, 1, 0) if upsert else (1, 0, 1))
    found = (await client.get(f"/users/{user_id}")).json()["data"]
    assert found["name"] == ("New" if upsert else "Old")
    assert found["phone"] == "+14155550123"


async def test_an_upsert_leaves_what_a_row_does_not_name_or_names_as_null(client: httpx2.AsyncClient) -> None:
    body = {"name": "Ada", "email": "ada@example.com", "phone": "+14155550123"}
    path = f"/users/{(await client.post('/users', json=body)).json()['data']['user_id']}"
    wishes = {
        "email": True, "push": False, "sms": False, "categories": {"marketing": {"email": False}},
        "quiet_hours": {"start": "22:00", "end": "07:00"},
    }  # fmt: skip
    await client.put(f"{path}/preferences", json=wishes)
    nulls = {"sms": None, "categories": None, "quiet_hours": None, "email": True}
    rows = lines(
        {"name": "A", "email": "ada@example.com"},
        {"name": "B", "email": "ada@example.com", "phone": None, "preferences": nulls},
        {"email": "ada@example.com", "preferences": {"categories": {"marketing": {"push": False, "email": None}}}},
    )
    report = await run(client, rows, "application/x-ndjson", upsert="true")
    assert (report["updated"], report["errors"]) == (3, [])
    csv = await run(client, "name,email,phone\nC,ada@example.com,\n", upsert="true")
    assert (csv["updated"], csv["errors"]) == (1, [])
    assert (await client.get(path)).json()["data"]["phone"] == "+14155550123"
    merged = {**wishes, "webhook": True, "categories": {"marketing": {"email": False, "push": False}}}
    assert (await client.get(f"{path}/preferences")).json()["data"] == merged


async def test_more_than_one_batch_and_the_same_file_again(client: httpx2.AsyncClient) -> None:
    body = "name,email\n" + "".join(f"U{number},u{number}@example.com\n" for number in range(250))
    assert (await run(client, body))["created"] == 250
    again = await run(client, body, upsert="true")
    assert (again["created"], again["updated"], again["failed"]) == (0, 250, 0)
    assert (await client.get("/users")).json()["meta"]["total"] == 250


NO_FILES: Sequence[tuple[Any, ...]] = [
    ("application/json", b"{}", 415),
    ("text/csv", b"", 400),
    ("text/csv", b"name,email\n", 400),
    ("text/csv", b"name,colour\nA,red\n", 400),
    ("text/csv", b"name,name\nA,B\n", 400),
    ("text/csv", b"name,email\n\xff,a@example.com\n", 400),
    ("text/csv", b'name,"email\nopen,a@example.com\n', 400),
    ("application/x-ndjson", b"\n\n", 400),
]


async def test_an_invalid_file_is_refused_as_a_whole(client: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for kind, body, status in NO_FILES:
        with subtests.test(kind=kind, body=body):
            answer = await client.post("/users/import", content=body, headers={"content-type": kind})
            assert answer.status_code == status
            assert answer.json()["success"] is False


async def test_no_more_than_16_mb(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/users/import", content=b" " * (16 * 1024 * 1024 + 1), headers={"content-type": "text/csv"}
    )
    assert answer.status_code == 413


async def test_scopes_and_tenants(client: httpx2.AsyncClient, users: Users) -> None:
    report = await run(client, "name,email\nA,a@example.com\n")
    path = f"/users/imports/{report['import_id']}"
    assert (await users.client("elsewhere").get(path)).status_code == 404
    reader = users.client(scopes="users:read")
    refused = await reader.post(
        "/users/import", content=b"name,email\nB,b@example.com\n", headers={"content-type": "text/csv"}
    )
    assert refused.status_code == 403
    assert (await reader.get(path)).status_code == 200


def test_lines_are_counted_as_an_editor_does() -> None:
    file = read_file("text/csv", b'\xef\xbb\xbfname,email\r\nA,a@b.c\r\n"x\r\ny",d@e.f\r\nZ,z@z.z')
    assert [(row.line, row.fields["email"]) for row in file.rows()] == [(2, "a@b.c"), (3, "d@e.f"), (5, "z@z.z")]


@pytest.mark.parametrize(
    ("kind", "head", "row"),
    [("text/csv", "name\n", "1\n"), ("application/x-ndjson", "", "1\n"), ("text/csv", "name\n", "\n")],
    ids=["csv", "json lines", "blank lines"],
)
async def test_a_file_of_too_many_rows_is_refused_in_little_memory(
    client: httpx2.AsyncClient, kind: str, head: str, row: str
) -> None:
    body = (head + row * 1_048_576).encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = await client.post("/users/import", content=body, headers={"content-type": kind})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"][0]["field"] == "body"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_a_file_of_as_many_rows_as_may_be_is_read() -> None:
    assert read_file("text/csv", b"name\n" + b"A\n" * MOST_ROWS).total == MOST_ROWS


async def test_few_imports_of_a_tenant_may_wait(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = asyncio.Event()
    save = ImportJobs.save

    async def slow(jobs: ImportJobs, job: ImportJob) -> None:
        await going_on.wait()
        await save(jobs, job)

    monkeypatch.setattr(ImportJobs, "save", slow)

    async def start() -> httpx2.Response:
        return await client.post("/users/import", content=b"name\nAda\n", headers={"content-type": "text/csv"})

    waiting = [(await start()).status_code for _ in range(MOST_OF_A_TENANT)]
    assert waiting == [202] * MOST_OF_A_TENANT
    refused = await start()
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    going_on.set()

    async def taken() -> bool:
        return (await start()).status_code == 202

    await until(taken)


async def test_a_process_that_stops_ends_the_rows_in_hand(
    users: Users, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going_on = asyncio.Event(), asyncio.Event()
    save = ImportJobs.save

    async def slow(jobs: ImportJobs, job: ImportJob) -> None:
        begun.set()
        await going_on.wait()
        await save(jobs, job)

    monkeypatch.setattr(ImportJobs, "save", slow)
    rows = "name,email\n" + "".join(f"Ada,ada{number}@example.com\n" for number in range(2 * BATCH))
    answer = await client.post("/users/import", content=rows.encode(), headers={"content-type": "text/csv"})
    await begun.wait()
    closing = asyncio.create_task(users.service.imports.close())
    going_on.set()
    await closing
    report = (await client.get(f"/users/imports/{answer.json()['data']['import_id']}")).json()["data"]
    assert (report["status"], report["processed"], report["created"]) == ("interrupted", BATCH, BATCH)


@pytest.mark.parametrize("both_in_the_file", [False, True])
async def test_an_upsert_does_not_make_one_user_of_two_domains(
    client: httpx2.AsyncClient, *, both_in_the_file: bool
) -> None:
    if not both_in_the_file:
        await client.post("/users", json={"name": "First", "email": "u@straße.example"})
    rows = "name,email\n" + "First,u@straße.example\n" * both_in_the_file + "Twin,u@strasse.example\n"
    report = await run(client, rows, upsert="true")
    assert (report["created"], report["updated"]) == (1 + both_in_the_file, 0)
    people = await listed(client)
    emails = {name: person["email"] for name, person in people.items()}
    assert emails == {"First": "u@straße.example", "Twin": "u@strasse.example"}
