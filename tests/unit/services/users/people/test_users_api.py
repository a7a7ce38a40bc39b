import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.wait import until
from tests.unit.services.users.conftest import Users

JOHN = {
    "name": "John Doe",
    "email": "John.Doe@Example.COM",
    "phone": "+1 (415) 555-0123",
    "push_token": "token123",
    "webhook": "https://hooks.example/john",
    "preferences": {"sms": False},
    "locale": "en",
    "timezone": "Europe/Paris",
    "metadata": {"plan": "pro"},
}
SHOWN = {
    "name": "John Doe",
    "email": "John.Doe@example.com",
    "phone": "+14155550123",
    "push_token": "token123",
    "webhook": "https://hooks.example/john",
    "preferences": {"email": True, "push": True, "sms": False, "webhook": True},
    "locale": "en",
    "timezone": "Europe/Paris",
    "metadata": {"plan": "pro"},
}


async def create(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/users", json={**JOHN, **changes})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def fields(answer: httpx2.Response) -> set[str]:
    return {detail["field"] for detail in answer.json()["error"]["details"]}


async def test_a_user_is_created_and_shown(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/users", json=JOHN)
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    body = answer.json()
    assert body["success"] is True
    user_id = body["data"]["user_id"]
    assert SHOWN.items() <= body["data"].items()
    assert body["data"]["created_at"].endswith("Z")
    again = await client.get(f"/users/{user_id}/")
    assert again.status_code == 200
    assert again.headers["etag"] == '"1"'
    assert again.json()["data"] == body["data"]


async def test_all_faults_are_named_at_once(client: httpx2.AsyncClient) -> None:
    bad = {"name": "Ada", "email": "x", "phone": "030 1234", "locale": "not a locale", "timezone": "Mars/Olympus"}
    answer = await client.post("/users", json={**bad, "colour": "red"})
    assert answer.status_code == 400
    named = {detail["field"] for detail in answer.json()["error"]["details"]}
    assert named == {"email", "phone", "locale", "timezone", "colour"}


@pytest.mark.parametrize("address", ["a@localhost", "a@Office.local", "a@sandbox.test"])
async def test_addresses_that_can_be_sent_to_can_be_stored(client: httpx2.AsyncClient, address: str) -> None:
    answer = await client.post("/users", json={"name": "Ada", "email": address})
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["email"] == f"a@{address[2:].lower()}"


@pytest.mark.parametrize("address", ["email", "phone", "push_token", "webhook"])
async def test_one_address_suffices(client: httpx2.AsyncClient, address: str) -> None:
    answer = await client.post("/users", json={"name": "A", address: JOHN[address]})
    assert answer.status_code == 201
    assert answer.json()["data"]["preferences"] == {"email": True, "push": True, "sms": True, "webhook": True}


WRONG: Sequence[tuple[Any, ...]] = [
    ({"name": None}, {"name"}),
    ({"name": ""}, {"name"}),
    ({"name": "a\nb"}, {"name"}),
    ({"email": None, "phone": None, "push_token": None, "webhook": None}, {"email"}),
    ({"email": "no-address"}, {"email"}),
    ({"email": "a@evil.com, b@x.org"}, {"email"}),
    ({"email": "a@b.com\r\nBcc: c@d.com"}, {"email"}),
    ({"phone": "4155550123"}, {"phone"}),
    ({"webhook": "http://hooks.example/"}, {"webhook"}),
    ({"webhook": "hooks.example"}, {"webhook"}),
    ({"phone": "+12"}, {"phone"}),
    ({"phone": "+1800FLOWERS"}, {"phone"}),
    ({"timezone": "Mars/Olympus"}, {"timezone"}),
    ({"timezone": "../../etc/passwd"}, {"timezone"}),
    *(({"timezone": name}, {"timezone"}) for name in ("localtime", "posixrules", "Factory", "right/UTC", "posix/UTC")),
    ({"timezone": "Europe"}, {"timezone"}),
    ({"push_token": "a b"}, {"push_token"}),
    ({"push_token": "a\x00b"}, {"push_token"}),
    ({"locale": "not a locale"}, {"locale"}),
    ({"password": "short"}, {"password"}),
    ({"metadata": {"a": "\x00"}}, {"metadata"}),
    ({"metadata": {"a": "x" * 5000}}, {"metadata"}),
    ({"metadata": [1]}, {"metadata"}),
    ({"preferences": {"sms": 1}}, {"preferences.sms"}),
    ({"preferences": {"fax": True}}, {"preferences.fax"}),
    ({"preferences": {"quiet_hours": {"start": "25:00", "end": "07:00"}}}, {"preferences.quiet_hours.start"}),
    ({"tenant": "other"}, {"tenant"}),
    ({"user_id": "7f9c", "role": "admin"}, {"user_id", "role"}),
    ({"email": "bad", "phone": "+12", "timezone": "X/Y"}, {"email", "phone", "timezone"}),
]


async def test_what_is_wrong_is_named(client: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for changes, named in WRONG:
        with subtests.test(changes=changes):
            answer = await client.post("/users", json={**JOHN, **changes})
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["code"] == "validation_error"
            assert fields(answer) == named
    assert (await client.get("/users")).json()["data"] == []


async def test_addresses_under_test_are_allowed(client: httpx2.AsyncClient) -> None:
    assert (await create(client, email="someone@mail.test"))["email"] == "someone@mail.test"


async def test_an_email_is_one_users_whatever_its_case(client: httpx2.AsyncClient, users: Users) -> None:
    await create(client)
    other = await create(client, email="other@example.com")
    taken = {"name": "B", "email": "JOHN.doe@example.com"}
    for answer in (
        await client.post("/users", json=taken),
        await client.put(f"/users/{other['user_id']}", json=taken),
        await client.patch(f"/users/{other['user_id']}", json={"email": taken["email"]}),
    ):
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "conflict"
        assert fields(answer) == {"email"}
    assert (await users.client("elsewhere").post("/users", json=taken)).status_code == 201


async def test_two_domains_that_case_folding_takes_for_one_are_two_users(client: httpx2.AsyncClient) -> None:
    first = await create(client, email="u@straße.example")
    second = await create(client, email="u@strasse.example")
    assert first["user_id"] != second["user_id"]
    for email, user in (
        ("u@straße.example", first),
        ("U@XN--STRAE-OQA.example", first),
        ("u@STRASSE.example", second),
    ):
        found = (await client.get("/users", params={"email": email})).json()["data"]
        assert [one["user_id"] for one in found] == [user["user_id"]]
    moved = await client.patch(f"/users/{second['user_id']}", json={"email": "u@xn--strae-oqa.example"})
    assert moved.status_code == 409


@pytest.mark.parametrize("text", ["", "nobody", "@", "a@b@c", "x@-.example"])
async def test_a_search_for_an_invalid_email_finds_no_user(client: httpx2.AsyncClient, text: str) -> None:
    await create(client)
    answer = await client.get("/users", params={"email": text})
    assert answer.status_code in {200, 400}
    assert not answer.json()["data"]


@pytest.mark.parametrize("password", [None, "correct horse battery"])
async def test_concurrent_creates_with_one_body_yield_one_user(
    client: httpx2.AsyncClient, password: str | None
) -> None:
    body = {**JOHN, "password": password}
    answers = await asyncio.gather(*(client.post("/users", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["data"]["user_id"] for answer in answers}) == 1
    assert len((await client.get("/users")).json()["data"]) == 1


async def test_concurrent_creates_with_one_email_and_other_values_yield_one_user(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/users", json={**JOHN, "name": f"J{n}"}) for n in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_the_same_body_again_gives_the_same_user_unchanged(client: httpx2.AsyncClient) -> None:
    body = {**JOHN, "password": "correct horse battery", "preferences": {"sms": False}}
    first = await client.post("/users", json=body)
    path = f"/users/{first.json()['data']['user_id']}"
    await client.patch(f"{path}/preferences", json={"email": False, "categories": {"news": {"push": False}}})
    await client.post(f"{path}/devices", json={"platform": "apns", "token": "abc"})
    before = await client.get(path)
    again = await client.post("/users", json=body)
    assert (again.status_code, again.json()["data"]) == (200, before.json()["data"])
    assert again.headers["etag"] == before.headers["etag"]
    wishes = (await client.get(f"{path}/preferences")).json()["data"]
    assert (wishes["email"], wishes["categories"]) == (False, {"news": {"push": False}})


OTHER_BODIES: Sequence[dict[str, Any]] = [
    {"name": "Jane"},
    {"phone": "+14155550124"},
    {"phone": None},
    {"push_token": "other"},
    {"push_token": None},
    {"locale": "fr"},
    {"timezone": None},
    {"metadata": {}},
    {"preferences": {"sms": True}},
    {"preferences": {"categories": {"news": {"email": False}}}},
    {"password": "incorrect horse"},
    {"password": None},
]


async def test_another_body_with_the_same_email_is_a_conflict(
    client: httpx2.AsyncClient, subtests: pytest.Subtests
) -> None:
    user = await create(client, password="correct horse battery")
    for changes in OTHER_BODIES:
        with subtests.test(changes=changes):
            answer = await client.post("/users", json={**JOHN, "password": "correct horse battery", **changes})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
            assert fields(answer) == {"email"}
    assert (await client.get(f"/users/{user['user_id']}")).json()["data"] == user


async def test_the_email_of_a_deleted_user_is_free(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    assert (await client.delete(f"/users/{user['user_id']}")).status_code == 200
    await create(client)


async def test_someone_else_is_not_there(client: httpx2.AsyncClient, users: Users) -> None:
    user = await create(client)
    stranger = users.client("elsewhere")
    for path in (f"/users/{user['user_id']}", f"/users/{uuid4()}"):
        calls = [
            stranger.get(path),
            stranger.put(path, json=JOHN),
            stranger.patch(path, json={"name": "B"}),
            stranger.get(f"{path}/preferences"),
            stranger.put(f"{path}/preferences", json={}),
            stranger.patch(f"{path}/preferences", json={}),
            stranger.get(f"{path}/devices"),
            stranger.post(f"{path}/devices", json={"platform": "fcm", "token": "x"}),
            stranger.delete(f"{path}/devices/{uuid4()}"),
            stranger.delete(path),
        ]
        for answer in await asyncio.gather(*calls):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "user_not_found")
    assert (await stranger.get("/users")).json()["data"] == []
    assert (await client.get(f"/users/{user['user_id']}")).json()["data"] == user


async def test_a_malformed_id_is_named(client: httpx2.AsyncClient) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, "/users/nonsense")
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "validation_error"
        assert fields(answer) == {"user_id"}


async def test_a_put_sets_what_it_names_and_what_it_does_not_name_stays(client: httpx2.AsyncClient) -> None:
    user = await create(client, preferences={"sms": False, "categories": {"marketing": {"email": False}}})
    path = f"/users/{user['user_id']}"
    await client.post(f"{path}/devices", json={"platform": "apns", "token": "abc"})
    before = (await client.get(f"{path}/preferences")).json()["data"]
    for body, changed in (
        ({"name": "Jane", "email": "jane@example.com"}, {"name": "Jane", "email": "jane@example.com"}),
        ({"name": "Jo", "preferences": {"email": True, "push": True}}, {"name": "Jo"}),
        ({"preferences": {"sms": None, "categories": None, "quiet_hours": None}}, {}),
        ({"preferences": {"categories": {"marketing": {"push": None}}}}, {}),
        ({"preferences": None}, {}),
        ({"phone": None}, {"phone": None}),
        ({"id": "x", "user_id": "x", "created_at": "x", "updated_at": "x"}, {}),
    ):
        answer = await client.put(path, json=body)
        assert answer.status_code == 200, answer.text
        user = {**user, **changed}
        assert {**answer.json()["data"], "updated_at": user["updated_at"]} == user
        assert (await client.get(f"{path}/preferences")).json()["data"] == before
    devices = (await client.get(f"{path}/devices")).json()["data"]
    assert {device["token"] for device in devices} == {"token123", "abc"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_what_get_gave_is_taken_and_changes_nothing(client: httpx2.AsyncClient, method: str) -> None:
    for body in (JOHN, {"name": "A", "phone": "+14155550199", "preferences": {"email": False}}):
        created = await client.post("/users", json=body)
        path = f"/users/{created.json()['data']['user_id']}"
        await client.patch(f"{path}/preferences", json={"categories": {"news": {"sms": False}}})
        before = await client.get(path)
        again = await client.request(method, path, json=before.json()["data"])
        assert (again.status_code, again.json()["data"]) == (200, before.json()["data"])
        assert again.headers["etag"] == before.headers["etag"]


async def test_null_in_a_post_is_the_same_as_not_given(client: httpx2.AsyncClient) -> None:
    nulls = {"phone": None, "password": None, "metadata": None, "locale": None, "timezone": None, "push_token": None}
    wishes = {"email": None, "sms": False, "categories": None, "quiet_hours": None}
    answer = await client.post("/users", json={"name": "A", "email": "a@b.test", **nulls, "preferences": wishes})
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["preferences"] == {"email": True, "push": True, "sms": False, "webhook": True}


async def test_a_user_carries_its_id_under_both_names(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    assert user["id"] == user["user_id"]
    assert [listed["id"] for listed in (await client.get("/users")).json()["data"]] == [user["user_id"]]


async def test_patch_changes_what_it_names(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    path = f"/users/{user['user_id']}"
    answer = await client.patch(path, json={"phone": None, "timezone": None, "preferences": {"push": False}})
    assert answer.status_code == 200
    expected = {
        **SHOWN,
        "phone": None,
        "timezone": None,
        "preferences": {"email": True, "push": False, "sms": False, "webhook": True},
    }
    assert expected.items() <= answer.json()["data"].items()


async def test_null_empties_the_metadata(client: httpx2.AsyncClient) -> None:
    for verb in ("PATCH", "PUT"):
        path = f"/users/{(await create(client, email=None, metadata={'crm': 7}))['user_id']}"
        answer = await client.request(verb, path, json={"metadata": None})
        assert (answer.status_code, answer.json()["data"]["metadata"]) == (200, {}), answer.text


@pytest.mark.parametrize("name", ["name", "preferences"])
async def test_patch_cannot_take_away_what_everyone_has(client: httpx2.AsyncClient, name: str) -> None:
    user = await create(client)
    answer = await client.patch(f"/users/{user['user_id']}", json={name: None})
    assert answer.status_code == 400
    assert fields(answer) == {name}


async def test_patch_cannot_make_a_user_unreachable(client: httpx2.AsyncClient) -> None:
    user = await create(client, phone=None, push_token=None, webhook=None)
    path = f"/users/{user['user_id']}"
    answer = await client.patch(path, json={"email": None})
    assert answer.status_code == 400
    assert fields(answer) == {"email"}
    await client.post(f"{path}/devices", json={"platform": "apns", "token": "abc"})
    assert (await client.patch(path, json={"email": None})).status_code == 200


async def test_a_stale_if_match_changes_nothing(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    path = f"/users/{user['user_id']}"
    first = await client.patch(path, json={"name": "B"}, headers={"if-match": '"1"'})
    assert first.status_code == 200
    assert first.headers["etag"] == '"2"'
    stale = {"if-match": '"1"'}
    for answer in (
        await client.patch(path, json={"name": "C"}, headers=stale),
        await client.put(path, json=JOHN, headers=stale),
        await client.patch(f"{path}/preferences", json={"email": False}, headers=stale),
        await client.put(f"{path}/preferences", json={}, headers=stale),
        await client.post(f"{path}/devices", json={"platform": "fcm", "token": "t"}, headers=stale),
        await client.delete(path, headers=stale),
        await client.delete(path, headers={"if-match": 'W/"2"'}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (412, "precondition_failed")
    assert (await client.get(path)).json()["data"]["name"] == "B"
    assert (await client.delete(path, headers={"if-match": '"9", "2"'})).status_code == 200


async def test_of_many_who_change_the_same_state_one_does(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    path = f"/users/{user['user_id']}"
    answers = await asyncio.gather(
        *(client.patch(path, json={"name": f"N{n}"}, headers={"if-match": '"1"'}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_changes_at_the_same_time_all_count(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    path = f"/users/{user['user_id']}/preferences"
    categories = [f"c{number}" for number in range(10)]
    await asyncio.gather(*(client.patch(path, json={"categories": {name: {"sms": False}}}) for name in categories))
    answer = await client.get(path)
    assert answer.json()["data"]["categories"] == {name: {"sms": False} for name in categories}
    assert answer.headers["etag"] == '"11"'


async def test_a_change_that_changes_nothing_keeps_the_tag(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    answer = await client.patch(f"/users/{user['user_id']}", json={"name": JOHN["name"]})
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["data"] == user


async def test_a_deleted_user_is_gone(client: httpx2.AsyncClient) -> None:
    user = await create(client)
    path = f"/users/{user['user_id']}"
    assert (await client.delete(path)).json()["success"] is True
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404


async def test_scopes_are_needed(users: Users) -> None:
    reader, writer, nobody = (
        users.client(scopes="users:read"),
        users.client(scopes="users:write"),
        users.client(scopes=""),
    )
    user = await create(writer)
    path = f"/users/{user['user_id']}"
    assert (await reader.get(path)).status_code == 200
    for answer in (
        await writer.get(path),
        await writer.get("/users"),
        await nobody.get(path),
        await reader.post("/users", json=JOHN),
        await reader.put(path, json=JOHN),
        await reader.patch(path, json={}),
        await reader.delete(path),
        await reader.patch(f"{path}/preferences", json={}),
        await reader.post(f"{path}/devices", json={"platform": "fcm", "token": "x"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    users.client()
    bare = users.clients[-1]
    bare.headers.pop("x-service-token")
    assert (await bare.get(path)).status_code == 401


async def test_a_password_is_never_shown_nor_logged(client: httpx2.AsyncClient, users: Users) -> None:
    secret = "correct horse battery staple"
    user = await create(client, password=secret)
    path = f"/users/{user['user_id']}"
    answers = [
        await client.get(path),
        await client.patch(path, json={"password": secret + "2"}),
        await client.patch(path, json={"password": secret, "nope": 1}),
        await client.get("/users"),
    ]
    everything = "".join(answer.text for answer in answers) + users.log.getvalue()
    assert secret not in everything
    assert "argon2" not in everything
    assert "user.created" in users.log.getvalue()
    assert str(JOHN["phone"]) not in users.log.getvalue()


async def test_users_are_found_by_email_and_by_part_of_a_name(client: httpx2.AsyncClient) -> None:
    await create(client)
    await create(client, name="100% Jane_", email="jane@example.com")

    async def names(query: str) -> list[str]:
        return [user["name"] for user in (await client.get(f"/users?{query}")).json()["data"]]

    assert await names("email=john.DOE@example.com") == ["John Doe"]
    assert await names("email=nobody@example.com") == []
    assert await names("search=jOhN") == ["John Doe"]
    assert await names("search=0%25%20j") == ["100% Jane_"]
    assert await names("search=%25") == ["100% Jane_"]
    assert await names("search=n_") == []
    assert await names("search=%27%3B--") == []
    assert await names("search=e") == ["100% Jane_", "John Doe"]
    assert (await client.get("/users?search=%00")).status_code == 400


async def test_pages_follow_each_other(client: httpx2.AsyncClient) -> None:
    made = [(await create(client, email=f"u{number}@example.com"))["user_id"] for number in range(5)]
    first = (await client.get("/users?limit=2")).json()
    assert first["meta"].items() >= {
        "total": 5, "limit": 2, "page": 1, "total_pages": 3, "has_next": True, "has_previous": False,
    }.items()  # fmt: skip
    last = (await client.get("/users?limit=2&page=3")).json()
    assert last["meta"].items() >= {"page": 3, "has_next": False, "has_previous": True, "next_cursor": None}.items()
    shown = [user["user_id"] for user in first["data"]]
    assert sorted(shown) == sorted(made)[:2:-1][::-1]
    assert len((await client.get("/users?page=9")).json()["data"]) == 0


async def test_an_invalid_page_is_refused(client: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for query in ("page=0", "limit=0", "limit=101", "limit=x", "cursor=nonsense", "cursor=%00"):
        with subtests.test(query=query):
            answer = await client.get(f"/users?{query}")
            assert answer.status_code == 400
            assert fields(answer) == {query.split("=", maxsplit=1)[0]}


async def test_the_process_says_how_it_is(client: httpx2.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert (health["status"], health["service"]) == ("healthy", "users")
    ready = (await client.get("/ready")).json()
    assert ready == {"status": "ready", "dependencies": {"database": "up", "cache": "up"}, "reasons": {}}
    assert "angarium_http_requests_total" in (await client.get("/metrics")).text


async def test_the_public_paths_of_the_gateway_are_served_here_too(client: httpx2.AsyncClient) -> None:
    made = (await client.post("/api/v1/users/", json=JOHN)).json()["data"]
    path = f"/users/{made['user_id']}"
    assert made["id"] == made["user_id"]
    for below in ("", "/", "/preferences", "/devices"):
        there, here = await client.get(f"/api/v1{path}{below}"), await client.get(f"{path}{below}")
        assert (there.status_code, there.json()) == (200, here.json())
    assert [user["id"] for user in (await client.get("/api/v1/users")).json()["data"]] == [made["id"]]
    assert (await client.patch(f"/api/v1{path}", json={"name": "Jane"})).json()["data"]["name"] == "Jane"
    rows = b"name,email\nAda,ada@example.com\n"
    started = await client.post("/api/v1/users/import", content=rows, headers={"content-type": "text/csv"})
    job = f"/api/v1/users/imports/{started.json()['data']['import_id']}"

    async def imported() -> bool:
        return bool((await client.get(job)).json()["data"]["status"] == "finished")

    await until(imported)
    assert (await client.delete(f"/api/v1{path}")).status_code == 200
    for elsewhere in (
        "/api/v1/usersx",
        "/api/v1",
        "/api/v1/internal/v1/contacts",
        "/api/v2/users",
        "/api/v1/api/v1/users",
    ):
        assert (await client.get(elsewhere)).status_code == 404
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if path.startswith("/api")]
