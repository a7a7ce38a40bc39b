"""Preferences by a signed link: a page with a form, and the one click of RFC 8058."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from angarium.contracts.statuses import Channel
from angarium.directory.preference_links import PreferenceLinks
from angarium.platform.clock import SystemClock
from tests.unit.services.users.conftest import TOKEN, Users

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
LINKS = PreferenceLinks(TOKEN, SystemClock())


@pytest.fixture
def anyone(users: Users) -> httpx2.AsyncClient:
    """Somebody's browser, without a key."""
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=users.app), base_url="http://users")
    users.clients.append(client)
    return client


@pytest.fixture
async def user_id(client: httpx2.AsyncClient) -> UUID:
    body = {"name": "Canary", "email": "canary@example.com"}
    created = UUID((await client.post("/users", json=body)).json()["data"]["user_id"])
    categories = {"news": {"push": False}, "tips": {"email": False}}
    await client.patch(f"/users/{created}/preferences", json={"categories": categories})
    return created


def token(user_id: UUID, category: str | None = "marketing", tenant: str = "default") -> str:
    return LINKS.token(tenant, user_id, Channel.EMAIL, category)


async def wishes(client: httpx2.AsyncClient, user_id: UUID) -> Any:
    return (await client.get(f"/users/{user_id}/preferences")).json()["data"]


def form_of(html: str) -> dict[str, list[str]]:
    """What a browser would send if the form went back as it came."""
    fields: dict[str, list[str]] = {}
    for field in re.findall(r"<input [^>]*>", html):
        [name], [value] = re.findall(r'name="([^"]*)"', field), re.findall(r'value="([^"]*)"', field)
        if "hidden" in field or " checked" in field:
            fields.setdefault(name, []).append(value)
    return fields


async def test_the_page_shows_what_holds_and_nothing_personal(anyone: httpx2.AsyncClient, user_id: UUID) -> None:
    answer = await anyone.get(f"/preferences/{token(user_id)}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "canary" not in answer.text.lower()
    assert str(user_id) not in answer.text
    assert "<script" not in answer.text
    fields = form_of(answer.text)
    assert fields["category"] == ["marketing", "news", "tips"]
    assert {"email", "push", "sms", "category.news.email", "category.marketing.sms"} <= fields.keys()
    assert fields.keys().isdisjoint({"category.news.push", "category.tips.email"})


async def test_sending_the_form_back_unchanged_changes_nothing_and_a_missing_tick_switches_off(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID
) -> None:
    path, before = f"/preferences/{token(user_id)}", await wishes(client, user_id)
    fields = form_of((await anyone.get(path)).text)
    answer = await anyone.post(path, data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?saved=1")
    assert await wishes(client, user_id) == before
    for name in ("sms", "category.marketing.email"):
        del fields[name]
    await anyone.post(path, data={**fields, "category.news.push": ["on"]})
    after = await wishes(client, user_id)
    assert after["categories"] == {"marketing": {"email": False}, "tips": {"email": False}}
    assert (after["email"], after["sms"]) == (True, False)
    assert "Saved" in (await anyone.get(f"{path}?saved=1")).text


async def test_a_form_cannot_name_what_was_not_shown(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID
) -> None:
    path, before = f"/preferences/{token(user_id)}", await wishes(client, user_id)
    fields = form_of((await anyone.get(path)).text)
    fields["category"] += ["security", "<script>", "x" * 300]
    assert (await anyone.post(path, data=fields)).status_code == 303
    assert await wishes(client, user_id) == before


@pytest.mark.parametrize("category", ["marketing", None])
async def test_one_click_switches_off_the_category_or_the_channel(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID, category: str | None
) -> None:
    for _ in range(2):
        answer = await anyone.post(f"/unsubscribe/{token(user_id, category)}", data=ONE_CLICK)
        assert answer.status_code == 200
    after = await wishes(client, user_id)
    assert after["email"] is (category is not None)
    assert after["categories"].get("marketing") == ({"email": False} if category else None)
    assert after["categories"]["news"] == {"push": False}


async def test_one_click_as_a_multipart_form(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID
) -> None:
    form = {name: (None, value) for name, value in ONE_CLICK.items()}
    assert (await anyone.post(f"/unsubscribe/{token(user_id)}", files=form)).status_code == 200
    assert (await wishes(client, user_id))["categories"]["marketing"] == {"email": False}


@pytest.mark.parametrize("path", ["preferences", "unsubscribe"])
async def test_looking_never_acts(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID, path: str
) -> None:
    before = await wishes(client, user_id)
    answer = await anyone.get(f"/{path}/{token(user_id)}", params=ONE_CLICK)
    assert answer.status_code == 200
    assert "<form" in answer.text
    assert await wishes(client, user_id) == before


async def test_a_click_without_its_word_does_nothing(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID
) -> None:
    before = await wishes(client, user_id)
    assert (await anyone.post(f"/unsubscribe/{token(user_id)}", data={"a": "b"})).status_code == 400
    assert await wishes(client, user_id) == before


async def test_mandatory_categories_have_no_click(anyone: httpx2.AsyncClient, user_id: UUID) -> None:
    answer = await anyone.post(f"/unsubscribe/{token(user_id, 'security')}", data=ONE_CLICK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    assert "security" not in (await anyone.get(f"/preferences/{token(user_id, 'security')}")).text


async def test_a_bad_link_opens_nothing(anyone: httpx2.AsyncClient, user_id: UUID) -> None:
    good = token(user_id)
    for bad in (
        "x",
        good[:-4] + "AAAA",
        PreferenceLinks("other", SystemClock()).token("default", user_id, Channel.EMAIL, None),
    ):
        assert (await anyone.get(f"/preferences/{bad}")).status_code == 404
        assert (await anyone.post(f"/preferences/{bad}", data={"email": "on"})).status_code == 404
        assert (await anyone.post(f"/unsubscribe/{bad}", data=ONE_CLICK)).status_code == 404
    elsewhere = token(user_id, tenant="elsewhere")
    assert (await anyone.get(f"/preferences/{elsewhere}")).status_code == 404


async def test_who_is_gone_has_unsubscribed(anyone: httpx2.AsyncClient) -> None:
    assert (await anyone.post(f"/unsubscribe/{token(uuid4())}", data=ONE_CLICK)).status_code == 200
    assert (await anyone.get(f"/preferences/{token(uuid4())}")).status_code == 404
