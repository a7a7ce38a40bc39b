"""Layouts and partials from outside: what is published stays what it was."""

from typing import Any

import httpx2

from tests.unit.services.templates.library.test_templates_api import SERVICE, created

LONG = "x" * 1531  # one septet more than ten segments hold


async def _published(client: httpx2.AsyncClient, code: str, **parts: str) -> Any:
    draft = await client.post(f"/templates/{code}/versions", json=parts)
    assert draft.status_code == 201, draft.text
    answer = await client.post(f"/templates/{code}/versions/{draft.json()['data']['version']}/publish")
    return answer.json()["data"]


async def _html(client: httpx2.AsyncClient, code: str) -> str:
    answer = await client.post(f"/templates/{code}/preview", json={"variables": {"name": "Ada"}})
    html: str = answer.json()["data"]["html"]
    return html


async def test_a_published_version_keeps_the_partials_that_it_was_made_of(client: httpx2.AsyncClient) -> None:
    await created(client, code="_foot", content="<i>one</i>")
    made = await created(client, content="<p>{{ name }}</p>{% render '_foot' %}")
    assert (made["includes"], made["content"]) == ({"_foot": 1}, "<p>{{ name }}</p>{% render '_foot' %}")
    await _published(client, "_foot", content="<i>two</i>")
    assert await _html(client, "welcome") == "<p>Ada</p><i>one</i>"
    again = await _published(client, "welcome", content="<p>{{ name }}</p>{% render '_foot' %}")
    assert again["includes"] == {"_foot": 2}
    assert await _html(client, "welcome") == "<p>Ada</p><i>two</i>"
    await client.post("/templates/welcome/versions/1/publish")
    assert await _html(client, "welcome") == "<p>Ada</p><i>one</i>"
    changes = (await client.get("/templates/welcome/diff", params={"from": 1, "to": 2})).json()["data"]["parts"]
    assert list(changes) == ["includes"] or set(changes) == {"includes", "subject"}


async def test_any_template_can_be_a_layout_of_its_tenant_only(client: httpx2.AsyncClient) -> None:
    await created(client, code="base", content="<main>{% block content %}{% endblock %}</main>")
    made = await created(client, content="{% layout 'base' %}<p>{{ name }}</p>")
    assert await _html(client, "welcome") == "<main><p>Ada</p></main>"
    assert made["required_variables"] == ["name"]
    body = {"code": "a", "content": "{% layout 'base' %}x"}
    refused = await client.post("/templates", json=body, headers={"x-api-key": "other"})
    assert refused.json()["error"]["details"] == [
        {"field": "content", "message": "there is no template 'base'", "line": 1, "column": 1}
    ]


async def test_a_circle_is_refused_where_it_closes(client: httpx2.AsyncClient) -> None:
    await created(client, code="_a", content="a")
    await created(client, code="_b", content="b{% render '_a' %}")
    answer = await client.post("/templates/_a/versions", json={"content": "\n {% render '_b' %}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [
        {"field": "content", "message": "'_a' would contain itself: _a → _b → _a", "line": 2, "column": 2}
    ]


async def test_a_partial_is_never_sent_by_itself(client: httpx2.AsyncClient) -> None:
    await created(client, code="_foot", content="x")
    answer = await client.get("/internal/v1/templates/_foot/published", headers=SERVICE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "template_not_found")


async def test_an_archived_partial_is_gone_for_new_versions_only(client: httpx2.AsyncClient) -> None:
    await created(client, code="_foot", content="foot")
    await created(client, content="{% render '_foot' %}")
    await client.delete("/templates/_foot")
    assert await _html(client, "welcome") == "foot"
    answer = await client.post("/templates/welcome/versions", json={"content": "{% render '_foot' %}"})
    assert answer.status_code == 400


async def test_variables_are_typed(client: httpx2.AsyncClient) -> None:
    made = await created(
        client, content="{{ order.id }}{% for i in lines %}{% endfor %}{% if vip %}{% endif %}", defaults={"lines": []}
    )
    assert made["variables"] == [
        {"name": "name", "type": None, "required": True},
        {"name": "order", "type": "object", "required": True},
        {"name": "lines", "type": "list", "required": False},
        {"name": "vip", "type": "bool", "required": False},
    ]


async def test_an_sms_beyond_ten_segments_is_refused(client: httpx2.AsyncClient) -> None:
    body = {"code": "long", "channel": "sms", "text": LONG}
    answer = await client.post("/templates", json=body)
    assert answer.status_code == 400
    [detail] = answer.json()["error"]["details"]
    assert detail["field"] == "text"
    assert "11 segments" in detail["message"]
    fits = await client.post("/templates", json={**body, "text": LONG[1:]})
    assert fits.status_code == 201, fits.text
    preview = await client.post("/templates/long/preview", json={})
    assert preview.json()["data"] == {"text": LONG[1:], "segments": 10, "encoding": "GSM-7", "missing_variables": []}
    translated = {**body, "code": "b", "text": "x", "translations": {"de": {"text": "ш" * 671}}}
    answer = await client.post("/templates", json=translated)
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["translations.de.text"]


async def test_a_long_mail_is_no_long_sms(client: httpx2.AsyncClient) -> None:
    await created(client, content=f"<p>{LONG}</p>")
