"""What operators do with templates: audited, by the services' own rules."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from angarium.contracts.operators import Role
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk

pytestmark = pytest.mark.slow

EDITOR = "/dashboard/templates/-/edit"
TEMPLATE: dict[str, Any] = {
    "code": "welcome",
    "name": "Welcome",
    "description": "",
    "channel": "email",
    "language": "en",
    "version": 1,
    "status": "published",
    "required_variables": ["name"],
    "defaults": {},
    "category": None,
    "delivery_policy": "at_least_once",
    "retry_delays": None,
    "subject": "Hello",
    "content": "<p>{{ name }}</p>",
    "translations": {},
    "variables": [{"name": "name"}],
    "updated_at": "2026-01-01T00:00:00Z",
}


def answer(world: World, status: int, data: object, error: object = None) -> None:
    """Have the templates service answer so from now on."""
    body = {"message": "Said so", "data": data, "error": error, "meta": {"total": 1}}
    world.template_service.status, world.template_service.body = status, json.dumps(body).encode()


async def actions(world: World) -> list[tuple[str, str, str]]:
    """Actor, action and object of each entry in the audit log, newest first, without signing in."""
    entries = (await world.client.get("/api/v1/audit?limit=100")).json()["data"]
    return [
        (entry["actor"], entry["action"], entry["object"])
        for entry in entries
        if entry["action"] not in {"operator.signed_in", "test"}
    ]


async def test_a_draft_is_saved_in_the_operators_name_and_is_in_the_audit_log(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, 201, {"code": "welcome", "version": 2})
    source = "<p>\r\n  {{ name }}\r\n</p>\r\n"
    saved = await browser.post(EDITOR, base="1", code="welcome", channel="email", content=source, languages="fr")
    assert (saved.status_code, saved.headers["location"]) == (
        303,
        "/dashboard/templates/welcome?version=2&done=draft_saved",
    )
    asked = world.template_service.asked[-1]
    assert (asked.method, asked.path) == ("POST", "/templates/welcome/versions")
    assert asked.headers["x-angarium-caller"] == "operator:editor-of-default"
    assert json.loads(asked.body)["content"] == "<p>\n  {{ name }}\n</p>\n"
    assert await actions(world) == [("operator:editor-of-default", "template.version_added", "welcome/versions")]


async def test_a_fault_is_shown_at_its_place_and_nothing_that_was_written_is_lost(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    details = [{"field": "content", "message": "expected <word>", "line": 2, "column": 3}]
    answer(world, 400, None, {"code": "validation_error", "details": details})
    hostile = "first\n</textarea><script>alert(1)</script>\nthird"
    refused = await browser.post(EDITOR, base="1", code="welcome", name="Kept", content=hostile, subject="Kept too")
    assert refused.status_code == 400
    assert "line 2, column 3" in refused.text
    assert "expected &lt;word&gt;" in refused.text
    assert "<script>alert" not in refused.text
    assert 'aria-describedby="fault-content"' in refused.text
    assert "\n  ^" not in refused.text.partition('class="excerpt"')[0]
    assert '<span class="bad">  ^</span>' in refused.text
    assert refused.text.count("Kept") >= 2
    assert await actions(world) == []


@pytest.mark.parametrize("status", [403, 404, 413, 429, 500, 503])
async def test_whatever_prevents_saving_nothing_that_was_written_is_lost(world: World, desk: Desk, status: int) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, status, None, {"code": "said", "details": []})
    refused = await browser.post(EDITOR, base="1", code="welcome", content="written with care")
    assert refused.status_code in {status, 503}
    assert "written with care</textarea>" in refused.text
    assert 'role="alert"' in refused.text


async def test_a_template_that_cannot_be_rendered_can_still_be_seen_and_edited(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, 200, TEMPLATE)
    bodies = world.template_service.bodies
    bodies["/templates/welcome/versions"] = b'{"data": [], "meta": {"total": 0}}'
    bodies["/templates/welcome/preview"] = b"<html>a proxy's page</html>"
    shown = await browser.get("/dashboard/templates/welcome")
    assert (shown.status_code, "The preview is unavailable" in shown.text) == (200, True)
    assert "/dashboard/templates/-/edit?code=welcome" in shown.text


async def test_a_further_language_is_added_without_saving(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    shown = await browser.post(EDITOR, base="1", code="welcome", content="written", new_language="pt-BR")
    assert shown.status_code == 200
    assert 'name="translations.pt-BR.content"' in shown.text
    assert "written</textarea>" in shown.text
    assert [asked.method for asked in world.template_service.asked] == []


async def test_a_new_template_is_made_and_a_taken_code_is_said(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, 201, {"code": "fresh", "version": 1})
    made = await browser.post(EDITOR, base="new", code="fresh", channel="sms", text="Hi")
    assert made.headers["location"] == "/dashboard/templates/fresh?done=template_made"
    assert json.loads(world.template_service.asked[-1].body)["code"] == "fresh"
    assert await actions(world) == [("operator:editor-of-default", "template.created", "fresh")]
    answer(world, 409, None, {"code": "conflict", "details": [{"field": "code", "message": "is taken"}]})
    taken = await browser.post(EDITOR, base="new", code="fresh", channel="sms", text="Hi")
    assert taken.status_code == 409
    assert "is taken" in taken.text


async def test_a_version_is_published_by_a_form(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, 200, {"code": "welcome", "version": 1})
    done = await browser.post("/dashboard/templates/welcome/versions/1/publish")
    assert done.headers["location"] == "/dashboard/templates/welcome?done=published"
    published = ("operator:editor-of-default", "template.published", "welcome/versions/1/publish")
    assert await actions(world) == [published]
    for version in ("0", "x", "-1", "99999999999999"):
        refused = await browser.post(f"/dashboard/templates/welcome/versions/{version}/publish")
        assert refused.status_code in {400, 404}, version


async def test_a_test_message_is_a_notification_like_any_other(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.OPERATOR)
    answer(world, 200, TEMPLATE)
    fields = {"channel": "email", "variables": '{"name": "Ada"}'}
    sent = await browser.post("/dashboard/templates/welcome/test", to="ada@example.com", **fields)
    assert sent.status_code == 303
    path, _, query = sent.headers["location"].partition("?")
    assert parse_qs(query) == {"done": ["test_sent"]}
    notification_id = path.rpartition("/")[2]
    view = (await world.client.get(f"/api/v1/notifications/{notification_id}")).json()["data"]
    assert (view["recipient"], view["variables"]) == ({"email": "ada@example.com"}, {"name": "Ada"})
    [(actor, action, subject)] = await actions(world)
    assert (actor, action) == ("operator:operator-of-default", "template.test_sent")
    assert subject.startswith("welcome ")
    assert notification_id in subject
    stored = await browser.post("/dashboard/templates/welcome/test", to=str(world.user_id), **fields)
    assert stored.status_code == 303


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "email"},
        {"channel": "email", "to": "no address"},
        {"channel": "pigeon", "to": "a@example.com"},
        {"channel": "email", "to": "a@example.com", "variables": "{"},
        {"channel": "email", "to": "a@example.com", "variables": "{}"},  # the template requires a name
    ],
)
async def test_a_test_message_that_cannot_be_sent_is_refused_on_its_page(
    world: World, desk: Desk, fields: dict[str, str]
) -> None:
    browser = await desk.signed_in(Role.OPERATOR)
    answer(world, 200, TEMPLATE)
    world.template_service.bodies["/templates/welcome/versions"] = b'{"data": [], "meta": {"total": 0}}'
    refused = await browser.post("/dashboard/templates/welcome/test", **fields)
    assert refused.status_code == 400, refused.text
    assert 'role="alert"' in refused.text
    assert await actions(world) == []
