"""Refusals and their error messages."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name

NOTIFICATIONS = "/api/v1/notifications"


def _error(answer: Any, status: int, code: str) -> Json:
    assert answer.status_code == status, answer.text
    body: Json = answer.json()
    assert body["success"] is False
    assert body["data"] is None
    assert body["meta"] is None
    assert isinstance(body["message"], str)
    error: Json = body["error"]
    assert error["code"] == code
    assert error["correlation_id"] == answer.headers["X-Correlation-ID"]
    return error


def _fields(error: Json) -> set[str]:
    return {detail["field"] for detail in error["details"]}


async def test_a_missing_variable_is_named(system: System) -> None:
    template = await system.create_template(content="<p>{{ name }} {{ link }}</p>")
    answer = await system.submit(recipient={"email": new_email()}, template_code=template["code"], variables={})
    error = _error(answer, 400, "validation_error")
    assert _fields(error) == {"variables.name", "variables.link"}
    assert all(template["code"] in detail["message"] for detail in error["details"])


PHONES = {"phone": "+14155550134", "push_token": "token123", "email": "ada@example.com"}


@pytest.mark.parametrize(("channel", "fallback"), [("sms", []), ("push", []), ("email", ["push", "sms"])])
async def test_a_template_with_email_parts_only_is_never_sent_to_a_phone(
    system: System, channel: str, fallback: list[str]
) -> None:
    code = (await system.create_template())["code"]
    body = {"notification_type": channel, "recipient": PHONES, "template_code": code, "variables": {"name": "Ada"}}
    answer = await system.submit(**body, fallback=fallback)
    error = _error(answer, 400, "validation_error")
    told = {detail["field"]: detail["message"] for detail in error["details"]}
    if fallback:
        assert told == {f"fallback.{at}": f"template {code} has no {one} part" for at, one in enumerate(fallback)}
    else:
        assert told == {"template_code": f"template {code} has no {channel} part"}
    items = [{**body, "fallback": fallback, "request_id": new_name("phone")}]
    bulk = await system.client.post(f"{NOTIFICATIONS}/bulk", json={"notifications": items})
    [result] = bulk.json()["data"]["results"]
    assert {detail["field"]: detail["message"] for detail in result["error"]["details"]} == told


async def test_the_preview_of_a_channel_without_a_part_is_refused(system: System) -> None:
    code = (await system.create_template())["code"]
    for channel in ("sms", "push"):
        answer = await system.client.post(f"/api/v1/templates/{code}/preview", json={"channel": channel})
        [detail] = _error(answer, 400, "validation_error")["details"]
        assert (detail["field"], detail["message"]) == ("channel", f"template {code} has no {channel} part")


async def test_an_sms_template_is_refused_by_the_email_surface(system: System) -> None:
    code = (await system.create_template(channel="sms", subject=None, content="Hi {{ name }}"))["code"]
    body = {"email": new_email(), "template_code": code, "variables": {"name": "Ada"}}
    answer = await system.client.post("/api/notifications/send", json=body)
    [detail] = _error(answer, 400, "validation_error")["details"]
    assert detail["message"] == f"template {code} has no email part"


async def test_variables_of_other_channels_are_not_required(system: System) -> None:
    parts = {"subject": "S", "content": "<p>{{ html_only }}</p>", "text": "Code {{ code }}"}
    template = await system.create_template(**parts)
    assert template["required_variables"] == ["html_only", "code"]
    sms = {"notification_type": "sms", "recipient": PHONES, "template_code": template["code"]}
    found = await system.deliver(**sms, variables={"code": 7})
    caught = await system.mailbox(channel="sms")
    [message] = [one for one in caught if one["notification_id"] == found["notification_id"]]
    assert message["text"] == "Code 7"
    missing = await system.submit(**{**sms, "notification_type": "email"}, variables={"code": 7}, fallback=["sms"])
    assert _fields(_error(missing, 400, "validation_error")) == {"variables.html_only"}


@pytest.mark.parametrize(
    "body",
    [
        {"channel": "push", "subject": "S", "html": "<p>h</p>", "text": "t"},
        {"channel": "sms", "body": "b", "html": "<p>h</p>"},
        {"channel": "email", "title": "T"},
        {"channel": "email", "subject": "S", "content": ""},
        {"channel": "sms", "content": " \n"},
    ],
)
async def test_a_template_without_a_part_for_its_own_channel_is_refused(system: System, body: Json) -> None:
    answer = await system.client.post("/api/v1/templates", json={"code": new_name("own"), **body})
    assert _fields(_error(answer, 400, "validation_error")) == {"content"}


async def test_the_body_part_of_an_email_template_is_its_content(system: System) -> None:
    made = await system.client.post(
        "/api/v1/templates", json={"code": new_name("body"), "channel": "email", "body": "<p>{{ name }}</p>"}
    )
    assert (made.status_code, made.json()["data"]["content"]) == (201, "<p>{{ name }}</p>"), made.text
    address = new_email()
    code = made.json()["data"]["code"]
    await system.deliver(recipient={"email": address}, template_code=code, variables={"name": "Ada"})
    [mail] = system.sink.mails_to(address)
    html = mail.get_body(("html",))
    assert html is not None
    assert "<p>Ada</p>" in html.get_content()


async def test_an_unknown_user_is_a_404(system: System) -> None:
    template = await system.create_template()
    answer = await system.submit(user_id=str(uuid4()), template_code=template["code"], variables={"name": "Ada"})
    _error(answer, 404, "user_not_found")


async def test_an_unknown_template_is_a_404(system: System) -> None:
    answer = await system.submit(recipient={"email": new_email()}, template_code="no.such.template", variables={})
    _error(answer, 404, "template_not_found")


async def test_an_unknown_notification_is_a_404(system: System) -> None:
    _error(await system.client.get(f"{NOTIFICATIONS}/{uuid4()}"), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"tenant": "other"}, "tenant"),
        ({"user_id": "not-a-uuid", "recipient": None}, "user_id"),
        ({"notification_type": "pigeon"}, "notification_type"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "x" * 256}, "request_id"),
        ({"priority": 11}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": 2.5}, "priority"),
        ({"variables": [1]}, "variables"),
        ({"metadata": {"x": "y" * 5000}}, "metadata"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"callback_url": "http://169.254.169.254/"}, "callback_url"),
    ],
)
async def test_an_invalid_field_is_named(system: System, change: Json, field: str) -> None:
    template = await system.create_template()
    body = {"recipient": {"email": new_email()}, "template_code": template["code"], "variables": {"name": "Ada"}}
    fields = {name: value for name, value in {**body, **change}.items() if value is not None}
    assert field in _fields(_error(await system.submit(**fields), 400, "validation_error"))


async def test_missing_fields_are_all_named(system: System) -> None:
    answer = await system.client.post(NOTIFICATIONS, json={"recipient": {"email": new_email()}})
    assert _fields(_error(answer, 400, "validation_error")) >= {"notification_type", "template_code"}


@pytest.mark.parametrize(
    "content", [b"{", b"", b"[]", b'{"request_id": "\xff"}', b'{"a": 1, "a": NaN}', b"[" * 100_000]
)
async def test_invalid_json_is_a_400(system: System, content: bytes) -> None:
    answer = await system.client.post(NOTIFICATIONS, content=content, headers={"Content-Type": "application/json"})
    _error(answer, 400, "validation_error")


async def test_a_body_over_256_kilobytes_is_a_413(system: System) -> None:
    body = {"notification_type": "email", "variables": {"x": "y" * 262_144}}
    _error(await system.client.post(NOTIFICATIONS, json=body), 413, "payload_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
async def test_another_content_type_is_a_415(system: System, content_type: str) -> None:
    answer = await system.client.post(NOTIFICATIONS, content=b"{}", headers={"Content-Type": content_type})
    _error(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("path", [NOTIFICATIONS, "/api/v1/users", "/api/v1/templates"])
async def test_an_unsupported_method_is_a_405(system: System, path: str) -> None:
    answer = await system.client.put(path, json={})
    _error(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_an_unknown_path_is_a_404(system: System) -> None:
    _error(await system.client.get("/api/v1/nothing"), 404, "not_found")


@pytest.mark.parametrize("headers", [{"X-API-Key": ""}, {"X-API-Key": "ang_live_wrong"}, {"Authorization": "Bearer x"}])
@pytest.mark.parametrize("path", [NOTIFICATIONS, "/api/v1/users", "/api/v1/templates", "/api/v1/dead-letters"])
async def test_a_missing_or_invalid_key_is_a_401(system: System, headers: dict[str, str], path: str) -> None:
    del system.client.headers["X-API-Key"]
    _error(await system.client.get(path, headers=headers), 401, "unauthorized")


async def test_a_missing_scope_is_a_403(system: System) -> None:
    made = await system.client.post("/api/v1/keys", json={"name": new_name("reader"), "scopes": ["notifications:read"]})
    assert made.status_code == 201, made.text
    key = {"X-API-Key": made.json()["data"]["key"]}
    assert (await system.client.get(NOTIFICATIONS, headers=key)).status_code == 200
    template = await system.create_template()
    body = {"recipient": {"email": new_email()}, "template_code": template["code"], "variables": {"name": "Ada"}}
    _error(await system.submit(**body, headers=key), 403, "forbidden")
    _error(await system.client.get("/api/v1/dead-letters", headers=key), 403, "forbidden")
    _error(await system.client.get("/api/v1/users", headers=key), 403, "forbidden")
    _error(await system.client.get("/api/v1/templates", headers=key), 403, "forbidden")


async def test_a_revoked_key_is_refused(system: System) -> None:
    made = await system.client.post("/api/v1/keys", json={"name": new_name("gone"), "scopes": ["notifications:read"]})
    data = made.json()["data"]
    key = {"X-API-Key": data["key"]}
    assert (await system.client.get(NOTIFICATIONS, headers=key)).status_code == 200
    assert (await system.client.delete(f"/api/v1/keys/{data['key_id']}")).status_code == 200
    _error(await system.client.get(NOTIFICATIONS, headers=key), 401, "unauthorized")


@pytest.mark.parametrize("path", [NOTIFICATIONS, "/api/v1/users", "/api/v1/templates", "/api/v1/dead-letters"])
async def test_a_trailing_slash_is_ignored(system: System, path: str) -> None:
    with_slash = await system.client.get(f"{path}/", params={"limit": 1})
    assert with_slash.status_code == 200
    body = with_slash.json()
    assert body["error"] is None
    assert set(body["meta"]) >= {"total", "limit", "page", "total_pages", "has_next", "has_previous"}
    assert body["meta"]["limit"] == 1


async def test_a_notification_is_accepted_with_a_trailing_slash(system: System) -> None:
    template = await system.create_template()
    body = {
        "notification_type": "email",
        "recipient": {"email": new_email()},
        "template_code": template["code"],
        "variables": {"name": "Ada"},
        "request_id": new_name("slash"),
    }
    answer = await system.client.post(f"{NOTIFICATIONS}/", json=body)
    assert answer.status_code == 202


async def test_a_taken_email_and_an_outdated_change_are_refused(system: System) -> None:
    address = new_email()
    user = await system.create_user(email=address)
    again = await system.client.post("/api/v1/users", json={"name": "Other", "email": address.upper()})
    _error(again, 409, "conflict")
    path = f"/api/v1/users/{user['user_id']}"
    etag = (await system.client.get(path)).headers["ETag"]
    changed = await system.client.patch(path, json={"name": "New"}, headers={"If-Match": etag})
    assert changed.status_code == 200
    stale = await system.client.patch(path, json={"name": "Newer"}, headers={"If-Match": etag})
    _error(stale, 412, "precondition_failed")


async def test_a_bad_template_is_refused_with_line_and_column(system: System) -> None:
    answer = await system.client.post(
        "/api/v1/templates", json={"code": new_name("bad"), "subject": "x", "content": "<p>\n{% if name %}\n</p>"}
    )
    [detail] = _error(answer, 400, "validation_error")["details"]
    assert detail["field"] == "content"
    assert detail["line"] >= 1
    assert detail["column"] >= 1
