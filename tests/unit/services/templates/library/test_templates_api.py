"""The templates service from outside, over SQLite and over PostgreSQL."""

import asyncio
from typing import Any

import httpx2
import pytest

from angarium.platform.cache.memory import MemoryCache
from tests.support.wait import until

WELCOME = {"code": "welcome", "subject": "Hello {{name}}", "content": "<p>Hello {{name}}</p>"}
SERVICE = {"x-service-token": "t" * 32}


async def created(client: httpx2.AsyncClient, **fields: Any) -> Any:
    answer = await client.post("/templates", json={**WELCOME, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def test_a_template_is_created_with_its_first_version_published(client: httpx2.AsyncClient) -> None:
    made = await created(client)
    assert (made["code"], made["name"], made["channel"], made["language"]) == ("welcome", "welcome", "email", "en")
    assert (made["version"], made["status"], made["required_variables"]) == (1, "published", ["name"])
    answer = await client.get("/templates/welcome")
    assert answer.json()["data"] == made
    assert answer.headers["etag"] == '"1"'


async def test_a_taken_code_is_a_conflict(client: httpx2.AsyncClient) -> None:
    await created(client)
    answer = await client.post("/templates", json=WELCOME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_of_many_that_create_a_code_at_once_one_does(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/templates", json=WELCOME) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]


async def test_another_tenant_has_codes_of_its_own(client: httpx2.AsyncClient) -> None:
    await created(client)
    other = {"x-api-key": "other"}
    assert (await client.get("/templates/welcome", headers=other)).json()["error"]["code"] == "template_not_found"
    assert (await client.post("/templates", json=WELCOME, headers=other)).status_code == 201
    assert (await client.delete("/templates/welcome", headers=other)).status_code == 200
    assert (await client.get("/templates/welcome")).status_code == 200


async def test_faults_name_field_line_and_column(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/templates", json={"code": "a", "content": "x\n{{ a", "subject": "{% if %}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "validation_error"
    assert answer.json()["error"]["details"] == [
        {"field": "subject", "message": "missing expression", "line": 1, "column": 4},
        {"field": "content", "message": "unexpected end of template, expected '}}'", "line": 2, "column": 1},
    ]
    assert (await client.get("/templates/a")).status_code == 404


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({**WELCOME, "tenant": "other"}, "tenant"),
    ({**WELCOME, "code": "A b"}, "code"),
    ({"code": "a"}, "content"),
    ({"code": "a", "subject": "only"}, "content"),
    ({**WELCOME, "channel": "fax"}, "channel"),
    ({**WELCOME, "translations": {"fr": {"nope": "x"}}}, "translations.fr.nope"),
]


async def test_bodies_are_checked(client: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for body, field in BAD_BODIES:
        with subtests.test(body=body, field=field):
            answer = await client.post("/templates", json=body)
            assert answer.status_code == 400
            assert field in [detail["field"] for detail in answer.json()["error"]["details"]]


async def test_required_variables_may_be_given_and_defaults_take_from_them(client: httpx2.AsyncClient) -> None:
    given = await created(client, required_variables=["name", "extra"], defaults={"extra": 1})
    assert given["required_variables"] == ["name"]
    found = await created(client, code="b", content="{{a}}{{b}}", defaults={"a": None})
    assert found["required_variables"] == ["name", "b"]


async def test_drafts_are_published_and_rolled_back(client: httpx2.AsyncClient) -> None:
    await created(client, name="Welcome!", category="account")
    draft = await client.post("/templates/welcome/versions", json={"content": "<p>Hi {{ name }}, {{ x }}</p>"})
    assert draft.status_code == 201
    made = draft.json()["data"]
    assert (made["version"], made["status"], made["name"], made["category"]) == (2, "draft", "Welcome!", "account")
    assert (await client.get("/templates/welcome")).json()["data"]["version"] == 1
    published = await client.post("/templates/welcome/versions/2/publish")
    assert published.json()["data"]["status"] == "published"
    assert (await client.get("/templates/welcome")).json()["data"]["required_variables"] == ["name", "x"]
    listed = (await client.get("/templates/welcome/versions")).json()["data"]
    assert [(v["version"], v["status"], v["created_by"]) for v in listed] == [
        (2, "published", "admin"),
        (1, "superseded", "admin"),
    ]
    await client.post("/templates/welcome/versions/1/publish")
    back = (await client.get("/templates/welcome")).json()["data"]
    assert (back["version"], back["status"]) == (1, "published")
    assert (await client.get("/templates/welcome", params={"version": 2})).json()["data"]["status"] == "superseded"


async def test_drafts_made_at_once_get_versions_of_their_own(client: httpx2.AsyncClient) -> None:
    await created(client)
    answers = await asyncio.gather(
        *(client.post("/templates/welcome/versions", json={"content": f"v{i}"}) for i in range(6))
    )
    assert sorted(answer.json()["data"]["version"] for answer in answers) == [2, 3, 4, 5, 6, 7]


async def test_an_unknown_version_is_not_found(client: httpx2.AsyncClient) -> None:
    await created(client)
    for answer in (
        await client.get("/templates/welcome", params={"version": 9}),
        await client.post("/templates/welcome/versions/9/publish"),
        await client.get("/templates/welcome/diff", params={"from": 1, "to": 9}),
        await client.post("/templates/nobody/versions", json={"content": "x"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "template_not_found")


async def test_languages(client: httpx2.AsyncClient) -> None:
    await created(client, translations={"fr": {"subject": "Bonjour {{name}}"}})
    french = (await client.get("/templates/welcome", params={"locale": "fr-CA"})).json()["data"]
    assert (french["language"], french["subject"], french["content"]) == ("fr", "Bonjour {{name}}", WELCOME["content"])
    other = (await client.get("/templates/welcome", params={"locale": "de"})).json()["data"]
    assert (other["language"], other["subject"]) == ("en", WELCOME["subject"])


async def test_preview(client: httpx2.AsyncClient) -> None:
    await created(client, title="T", body="B {{name}}", text="S {{name}}", translations={"fr": {"content": "<p>F</p>"}})
    url, variables = "/templates/welcome/preview", {"name": "<J>"}
    email = (await client.post(url, json={"variables": variables, "locale": "fr"})).json()["data"]
    assert email == {"subject": "Hello <J>", "html": "<p>F</p>", "text": "F", "missing_variables": []}
    for locale in ("en", "fr"):
        body = {"variables": variables, "locale": locale}
        push = (await client.post(url, json={**body, "channel": "push"})).json()["data"]
        assert push == {"title": "T", "body": "B <J>", "image": None, "link": None, "missing_variables": []}
        sms = (await client.post(url, json={**body, "channel": "sms"})).json()["data"]
        assert sms == {"text": "S <J>", "segments": 1, "encoding": "GSM-7", "missing_variables": []}


async def test_a_preview_lists_the_variables_that_are_missing(client: httpx2.AsyncClient) -> None:
    parts = {"subject": "S", "content": "{{ a }}{{ b }}{{ c }}", "text": "{{ d }}", "defaults": {"c": 1}}
    await client.post("/templates", json={"code": "gaps", **parts})
    body = {"variables": {"a": 1, "b": None}}
    shown = (await client.post("/templates/gaps/preview", json=body)).json()["data"]
    assert shown["missing_variables"] == ["b", "d"]
    sms = (await client.post("/templates/gaps/preview", json={**body, "channel": "sms"})).json()["data"]
    assert sms["missing_variables"] == ["d"]


@pytest.mark.parametrize("channel", ["push", "sms"])
async def test_a_preview_of_a_channel_without_a_part_is_refused(client: httpx2.AsyncClient, channel: str) -> None:
    await created(client)
    answer = await client.post("/templates/welcome/preview", json={"variables": {"name": "J"}, "channel": channel})
    assert answer.status_code == 400
    [detail] = answer.json()["error"]["details"]
    assert (detail["field"], detail["message"]) == ("channel", f"template welcome has no {channel} part")


async def test_the_body_of_a_mail_without_content_is_stored_as_content(client: httpx2.AsyncClient) -> None:
    body = {"code": "other", "channel": "email", "body": "<p>A</p>", "translations": {"fr": {"body": "<p>F</p>"}}}
    answer = await client.post("/templates", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert (made["content"], made["body"], made["translations"]) == ("<p>A</p>", None, {"fr": {"content": "<p>F</p>"}})
    french = (await client.post("/templates/other/preview", json={"locale": "fr"})).json()["data"]
    assert french["html"] == "<p>F</p>"
    both = await client.post("/templates", json={**body, "code": "both", "html": "<p>H</p>"})
    assert (both.json()["data"]["body"], both.json()["data"]["content"]) == ("<p>A</p>", None)


async def test_each_channel_requires_only_its_own_variables(client: httpx2.AsyncClient) -> None:
    parts = {"content": "<p>{{ name }} {{ url }}</p>", "text": "{{ code }}", "body": "{% if url %}x{% endif %}"}
    await created(client, subject="S", required_variables=None, title="{{ name }}", **parts)
    compiled = await client.get("/internal/v1/templates/welcome/versions/1", headers=SERVICE)
    needed = compiled.json()["data"]["channel_variables"]
    assert needed == {
        "email": ["name", "url", "code"], "push": ["name"], "sms": ["code"], "webhook": ["name", "code"]
    }  # fmt: skip
    await created(client, code="listed", content="<p>{{ a }}</p>", text="t", required_variables=["a", "unused"])
    compiled = await client.get("/internal/v1/templates/listed/versions/1", headers=SERVICE)
    assert compiled.json()["data"]["channel_variables"] == {
        "email": ["a", "unused"], "sms": ["unused"], "webhook": ["unused"]
    }  # fmt: skip


async def test_a_webhooks_json_is_shown_by_its_name(client: httpx2.AsyncClient) -> None:
    hook = {
        "code": "hook",
        "channel": "webhook",
        "json": '{"a": {{ a | json }}}',
        "translations": {"fr": {"json": "{}"}},
    }
    made = (await client.post("/templates", json=hook)).json()["data"]
    assert (made["json"], made["required_variables"], made["channel"]) == (hook["json"], ["a"], "webhook")
    assert made["translations"] == {"fr": {"json": "{}"}}
    assert (await client.get("/templates/hook")).json()["data"] == made
    [listed] = (await client.get("/templates", params={"channel": "webhook"})).json()["data"]
    assert (listed["code"], "json_" in listed) == ("hook", False)
    answer = await client.post("/templates/hook/versions", json={"json": "{{ a }}", "name": "Hook"})
    assert (answer.status_code, answer.json()["data"]["json"]) == (201, "{{ a }}")
    diff = (await client.get("/templates/hook/diff", params={"from": 1, "to": 2})).json()["data"]["parts"]
    assert "json" in diff
    preview = await client.post("/templates/hook/preview", json={"variables": {"a": "<b>"}})
    assert preview.json()["data"] == {"json": '{"a": "<b>"}', "missing_variables": []}
    for name in ("json_", "Json"):
        answer = await client.post("/templates", json={"code": "x", "channel": "webhook", name: "{}"})
        assert [detail["field"] for detail in answer.json()["error"]["details"]] == [name]


async def test_json_that_can_never_be_json_names_line_and_column(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/templates", json={"code": "hook", "channel": "webhook", "json": '{\n"a": {{ a }},\n}'})
    assert answer.status_code == 400
    [detail] = answer.json()["error"]["details"]
    assert (detail["field"], detail["line"], detail["column"]) == ("json", 3, 1)
    assert detail["message"].startswith("not JSON with sample values: ")


async def test_a_preview_that_fails_says_why(client: httpx2.AsyncClient) -> None:
    await created(client, text="{{ n | times: n }}")
    answer = await client.post("/templates/welcome/preview", json={"variables": {"n": 2**4000}})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "text"


async def test_the_difference_of_two_versions(client: httpx2.AsyncClient) -> None:
    await created(client)
    await client.post("/templates/welcome/versions", json={"subject": WELCOME["subject"], "content": "<p>Hi</p>"})
    answer = await client.get("/templates/welcome/diff", params={"from": 1, "to": 2})
    assert answer.json()["data"] == {
        "from": 1,
        "to": 2,
        "parts": {"content": "--- version 1\n+++ version 2\n@@ -1 +1 @@\n-<p>Hello {{name}}</p>\n+<p>Hi</p>"},
    }


async def test_an_archived_template_is_gone_but_its_versions_are_still_sent(client: httpx2.AsyncClient) -> None:
    await created(client)
    assert (await client.delete("/templates/welcome")).status_code == 200
    for path in ("/templates/welcome", "/templates/welcome/versions", "/internal/v1/templates/welcome/published"):
        answer = await client.get(path, headers=SERVICE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "template_not_found")
    kept = await client.get("/internal/v1/templates/welcome/versions/1", headers=SERVICE)
    assert kept.json()["data"]["locales"]["en"]["email"]["subject"] == "Hello {{name}}"
    assert (await client.get("/templates")).json()["data"] == []


async def test_an_archived_code_can_be_used_again_and_no_version_ever_changes(client: httpx2.AsyncClient) -> None:
    await created(client)
    await client.delete("/templates/welcome")
    again = await created(client, subject="New")
    assert (again["version"], again["status"]) == (2, "published")
    old = await client.get("/internal/v1/templates/welcome/versions/1", headers=SERVICE)
    assert old.json()["data"]["locales"]["en"]["email"]["subject"] == "Hello {{name}}"


async def test_internal_look_ups(client: httpx2.AsyncClient) -> None:
    made = await created(client, defaults={"a": [1]}, retry_delays=["5s"], delivery_policy="at_most_once")
    pointer = await client.get("/internal/v1/templates/welcome/published", headers=SERVICE)
    assert pointer.json()["data"] == {"code": "welcome", "version": 1}
    version = (await client.get("/internal/v1/templates/welcome/versions/1", headers=SERVICE)).json()["data"]
    assert (version["tenant"], version["code"], version["version"]) == ("default", "welcome", 1)
    assert (version["defaults"], version["retry_delays"], version["delivery_policy"]) == (
        {"a": [1]},
        ["5s"],
        "at_most_once",
    )
    assert version["required_variables"] == made["required_variables"]


BAD_DELAYS: list[str] = ["0ms", "9ms", "25h", "70000000h", "9999999999h", "99999999999999999999h", "soon"]


async def test_a_retry_delay_out_of_bounds_is_refused_and_named(
    client: httpx2.AsyncClient, subtests: pytest.Subtests
) -> None:
    for delay in BAD_DELAYS:
        with subtests.test(delay=delay):
            body = {"code": "welcome", "subject": "S", "content": "x", "retry_delays": ["1s", delay]}
            answer = await client.post("/templates", json=body)
            assert answer.status_code == 400, answer.text
            assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["retry_delays.1"]
            many = await client.post("/templates", json={**body, "retry_delays": ["1s"] * 21})
            assert many.status_code == 400
            assert [detail["field"] for detail in many.json()["error"]["details"]] == ["retry_delays"]


async def test_internal_paths_are_for_services_and_their_tenant(client: httpx2.AsyncClient) -> None:
    await created(client)
    path = "/internal/v1/templates/welcome/published"
    assert (await client.get(path)).status_code == 403
    assert (await client.get(path, headers={"x-service-token": "wrong"})).status_code == 401
    assert (await client.get(path, headers={**SERVICE, "x-angarium-tenant": "other"})).status_code == 404


async def test_scopes(client: httpx2.AsyncClient) -> None:
    await created(client)
    reader = {"x-api-key": "reader"}
    assert (await client.get("/templates/welcome", headers=reader)).status_code == 200
    assert (await client.post("/templates/welcome/preview", json={}, headers=reader)).status_code == 200
    assert (await client.post("/templates", json=WELCOME, headers=reader)).status_code == 403
    assert (await client.post("/templates/welcome/versions", json={"content": "x"}, headers=reader)).status_code == 403
    assert (await client.post("/templates/welcome/versions/1/publish", headers=reader)).status_code == 403
    assert (await client.delete("/templates/welcome", headers=reader)).status_code == 403
    assert (await client.get("/templates", headers={"x-api-key": "nobody"})).status_code == 401


async def test_conditional_changes(client: httpx2.AsyncClient) -> None:
    await created(client)
    stale, body = {"if-match": '"0"'}, {"content": "x"}
    assert (await client.post("/templates/welcome/versions", json=body, headers=stale)).status_code == 412
    assert (await client.delete("/templates/welcome", headers=stale)).status_code == 412
    draft = await client.post("/templates/welcome/versions", json=body, headers={"if-match": '"1"'})
    assert (draft.status_code, draft.headers["etag"]) == (201, '"2"')
    assert (await client.post("/templates/welcome/versions/2/publish", headers={"if-match": '"1"'})).status_code == 412
    assert (await client.post("/templates/welcome/versions/2/publish", headers={"if-match": "*"})).status_code == 200


async def test_lists_by_page_and_by_cursor(client: httpx2.AsyncClient) -> None:
    for code in ("c", "a", "b"):
        await created(client, code=code)
    first = (await client.get("/templates", params={"limit": 2})).json()
    assert [t["code"] for t in first["data"]] == ["a", "b"]
    assert (first["meta"]["total"], first["meta"]["total_pages"], first["meta"]["has_next"]) == (3, 2, True)
    second = (await client.get("/templates", params={"limit": 2, "page": 2})).json()
    assert [t["code"] for t in second["data"]] == ["c"]
    following = (await client.get("/templates", params={"limit": 2, "cursor": first["meta"]["next_cursor"]})).json()
    assert [t["code"] for t in following["data"]] == ["c"]
    for wrong in ({"limit": 101}, {"page": 0}, {"cursor": "!"}, {"cursor": "é"}):
        assert (await client.get("/templates", params=wrong)).status_code == 400


async def test_changes_are_announced_before_they_are_answered(client: httpx2.AsyncClient, cache: MemoryCache) -> None:
    heard: list[str] = []

    async def listener(text: str) -> None:
        heard.append(text)

    async with cache.listen("templates", listener):
        await created(client)
        await until(lambda: heard == ["default:welcome"])
        await client.post("/templates/welcome/versions", json={"content": "x"})
        await client.post("/templates/welcome/versions/2/publish")
        await until(lambda: heard == ["default:welcome"] * 2)
        await client.delete("/templates/welcome")
        await until(lambda: heard == ["default:welcome"] * 3)


async def test_text_that_databases_dislike_is_kept(client: httpx2.AsyncClient) -> None:
    made = await created(client, defaults={"a": "\x00", "b": "😀"}, content="';--{{ name }}\u2028😀")
    assert (made["defaults"], made["content"]) == ({"a": "\x00", "b": "😀"}, "';--{{ name }}\u2028😀")


async def test_it_is_ready_with_its_schema(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["dependencies"]["database"]) == (200, "up")


async def test_the_public_paths_of_the_gateway_are_served_here_too(client: httpx2.AsyncClient) -> None:
    made = (await client.post("/api/v1/templates", json=WELCOME)).json()["data"]
    for below in ("", "/", "/versions", "/diff?from=1&to=1"):
        there, here = (
            await client.get(f"/api/v1/templates/welcome{below}"),
            await client.get(f"/templates/welcome{below}"),
        )
        assert (there.status_code, there.json()) == (200, here.json())
    assert (await client.get("/api/v1/templates/")).json()["data"] == [made]
    assert (await client.post("/api/v1/templates/welcome/preview", json={"variables": {}})).status_code == 200
    unknown = await client.get("/api/v1/templates?stat=x")
    assert (unknown.status_code, unknown.json()["error"]["details"][0]["field"]) == (400, "stat")
    assert (await client.get("/templates?stat=x")).status_code == 200
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if path.startswith("/api")]


async def test_other_systems_names_of_fields_are_read(client: httpx2.AsyncClient) -> None:
    body = {"template_code": "code", "type": "sms", "content": "Code {{code}}", "variables": ["code", "extra"]}
    answer = await client.post("/templates", json=body)
    made = answer.json()["data"]
    assert answer.status_code == 201, answer.text
    assert (made["code"], made["channel"], made["required_variables"]) == ("code", "sms", ["code", "extra"])
    draft = await client.post("/templates/code/versions", json={"content": "{{code}}!", "variables": ["code"]})
    assert (draft.json()["data"]["channel"], draft.json()["data"]["required_variables"]) == ("sms", ["code"])


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"type": "sms", "channel": "email"}, "type"),
    ({"template_code": "other"}, "template_code"),
    ({"variables": ["name"], "required_variables": ["name", "x"]}, "variables"),
    ({"variables": {"name": "John"}}, "required_variables"),
    ({"type": "fax"}, "channel"),
    ({"kind": "email"}, "kind"),
]


async def test_an_alias_that_says_something_else_is_refused(
    client: httpx2.AsyncClient, subtests: pytest.Subtests
) -> None:
    for fields, field in CONTRADICTIONS:
        with subtests.test(fields=fields, field=field):
            answer = await client.post("/templates", json={**WELCOME, **fields})
            named = [detail["field"] for detail in answer.json()["error"]["details"]]
            assert (answer.status_code, named) == (400, [field])


async def test_an_alias_that_is_null_or_says_the_same_is_no_fault(client: httpx2.AsyncClient) -> None:
    made = await created(client, type="email", template_code="welcome", variables=None, channel=None)
    assert (made["channel"], made["required_variables"]) == ("email", ["name"])
    shown = {name: made[name] for name in ("channel", "subject", "content", "variables")}
    again = (await client.post("/templates", json={**shown, "code": "again"})).json()["data"]
    assert again["required_variables"] == ["name"]
    narrowed = await client.post("/templates", json={**shown, "code": "third", "required_variables": []})
    assert narrowed.json()["data"]["required_variables"] == []


async def test_templates_are_found_by_channel_category_and_a_part_of_their_texts(client: httpx2.AsyncClient) -> None:
    await created(client, code="a_mail", name="First Mail", category="account", defaults={"channel": "s\0ms"})
    await created(client, code="b_mail", description="With 100% wool", content="<p>\\u0000 {{name}}</p>")
    await created(client, code="c_text", channel="sms", content="Hello {{name}}", category="account", subject=None)

    async def found(**query: str) -> list[str]:
        answer = await client.get("/api/v1/templates", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["meta"]["total"] == len(answer.json()["data"])
        return [template["code"] for template in answer.json()["data"]]

    assert await found() == ["a_mail", "b_mail", "c_text"]
    assert await found(channel="email") == ["a_mail", "b_mail"]
    assert await found(category="account") == ["a_mail", "c_text"]
    assert await found(category="account", channel="sms") == ["c_text"]
    assert await found(category="null") == []
    assert await found(search="FIRST") == ["a_mail"]
    assert await found(search="100%") == ["b_mail"]
    assert await found(search="_text") == ["c_text"]
    assert await found(search="mail", channel="sms") == []
    draft = {"subject": "x", "content": "x", "category": "news"}
    assert (await client.post("/templates/a_mail/versions", json=draft)).status_code == 201
    assert await found(category="news") == []
    assert (await client.post("/templates/a_mail/versions/2/publish")).status_code == 200
    assert await found(category="news") == ["a_mail"]


BAD_FILTERS: list[str] = ["channel=fax", "category=a%20b", "search=", "type=email"]


async def test_a_filter_that_is_wrong_is_refused(client: httpx2.AsyncClient, subtests: pytest.Subtests) -> None:
    for query in BAD_FILTERS:
        with subtests.test(query=query):
            answer = await client.get(f"/api/v1/templates?{query}")
            named = [detail["field"] for detail in answer.json()["error"]["details"]]
            assert (answer.status_code, named) == (400, [query.partition("=")[0]])


async def test_a_filtered_list_goes_on_behind_its_cursor(client: httpx2.AsyncClient) -> None:
    for code in ("a", "b", "c", "d"):
        await created(client, code=code, category="even" if code in "bd" else "odd")
    first = (await client.get("/templates?category=odd&limit=1")).json()
    second = (await client.get(f"/templates?category=odd&limit=1&cursor={first['meta']['next_cursor']}")).json()
    assert [first["data"][0]["code"], second["data"][0]["code"]] == ["a", "c"]
    assert (first["meta"]["total"], second["meta"]["total"], second["meta"]["total_pages"]) == (2, None, None)
    assert (second["meta"]["has_next"], second["meta"]["has_previous"]) == (False, True)
