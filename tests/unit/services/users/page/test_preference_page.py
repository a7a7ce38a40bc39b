"""Preferences by a signed link: a page with a form, and the one click of RFC 8058."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from angarium.contracts.statuses import Channel
from angarium.directory.preference_links import PreferenceLinks
from angarium.platform.clock import SystemClock
from angarium.services.users.page.texts import LANGUAGES
from tests.unit.services.users.conftest import TOKEN, Users

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
LINKS = PreferenceLinks(TOKEN, SystemClock())


@pytest.fixture
def anyone(users: Users) -> httpx2.AsyncClient:
    """Somebody's browser, without a key."""
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=users.app), base_url="http://users", headers=accept)
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
    shown = (await anyone.get(f"/preferences/{token(user_id, 'security')}")).text
    assert "category.security" not in shown
    assert "act" not in re.findall(r'name="(\w+)"', shown)
    assert "no switch of their own: Security." in shown


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


STOP = {"act": "unsubscribe"}


@pytest.mark.parametrize("category", ["marketing", None])
async def test_one_button_unsubscribes_from_what_the_message_was_about(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID, category: str | None
) -> None:
    path = f"/preferences/{token(user_id, category)}"
    shown = (await anyone.get(path)).text
    text = "Unsubscribe from Offers and marketing by email" if category else "Unsubscribe from all messages by email"
    assert re.findall(r'name="act" value="unsubscribe">([^<]+)<', shown) == [text]
    before = await wishes(client, user_id)
    answer = await anyone.post(path, data=STOP)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?saved=1")
    after = await wishes(client, user_id)
    changed = {"categories": {**before["categories"], "marketing": {"email": False}}} if category else {"email": False}
    assert after == {**before, **changed}
    shown = (await anyone.get(path)).text
    assert 'name="act"' not in shown
    assert "You are unsubscribed from" in shown


async def test_the_button_cannot_stop_what_is_mandatory(
    anyone: httpx2.AsyncClient, client: httpx2.AsyncClient, user_id: UUID
) -> None:
    before = await wishes(client, user_id)
    assert (await anyone.post(f"/preferences/{token(user_id, 'security')}", data=STOP)).status_code == 400
    assert await wishes(client, user_id) == before


async def test_the_page_says_from_whom_and_for_which_address(anyone: httpx2.AsyncClient, user_id: UUID) -> None:
    shown = (await anyone.get(f"/preferences/{token(user_id)}")).text
    assert "Messages from Angarium" in shown
    assert "c…@example.com" in shown


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("de-AT", "fr", "de"),
        ("pt-BR", "ja, es;q=0.8, fr;q=0.9", "fr"),
        (None, "es-MX,es;q=0.9,en;q=0.1", "es"),
        (None, "de;q=0, fr;q=x, *", "en"),
        (None, None, "en"),
    ],
)
async def test_the_language_is_the_users_then_the_browsers(
    anyone: httpx2.AsyncClient,
    client: httpx2.AsyncClient,
    user_id: UUID,
    locale: str | None,
    accepted: str | None,
    language: str,
) -> None:
    await client.patch(f"/users/{user_id}", json={"locale": locale})
    headers = {"accept-language": accepted} if accepted else {}
    shown = (await anyone.get(f"/preferences/{token(user_id)}", headers=headers)).text
    assert f'<html lang="{language}">' in shown
    texts = LANGUAGES[language]
    assert f"<h1>{texts.heading}</h1>" in shown
    assert texts.titles["marketing"] in shown


async def test_a_bad_link_is_a_page_for_browsers_and_json_for_programs(anyone: httpx2.AsyncClient) -> None:
    page = await anyone.get("/preferences/x", headers={"accept-language": "de"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "ungültig" in page.text
    answer = await anyone.get("/preferences/x", headers={"accept": "*/*"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
