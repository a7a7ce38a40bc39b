"""Pages: they show what was stored as text, say what to do where there is nothing, and work without scripts."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from uuid import UUID

import pytest

from angarium.contracts.errors import NotFound
from angarium.contracts.operators import Role
from angarium.contracts.providers import provider_id_of
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event, Reason
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.reputation import Totals
from angarium.services.gateway.dashboard.pages import PACKAGE, asset
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk
from tests.unit.services.gateway.failing import fail

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def attributes_of(page: str) -> list[str]:
    """The names of all attributes, as a browser would see them."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            del tag
            found.extend(name for name, _ in attrs)

    Reader().feed(page)
    return found


async def test_what_was_stored_is_text_on_every_page(world: World, desk: Desk) -> None:
    body = {"user_id": None, "recipient": {"email": "a@example.com", "name": HOSTILE}, "metadata": {HOSTILE: HOSTILE}}
    sent = await world.send(**body, variables={"name": HOSTILE}, request_id=HOSTILE, send_at="2030-01-01T00:00:00Z")
    notification_id = UUID(sent.json()["data"]["notification_id"])
    event = Event("cancelled", world.gateway.parts.runtime.clock.now(), {"answer": HOSTILE, "by": HOSTILE})
    reason = Reason(HOSTILE, HOSTILE)
    await world.store.move(notification_id, tenant="default", to=Status.CANCELLED, event=event, reason=reason)
    await fail(world, "hostile", message=HOSTILE)
    browser = await desk.signed_in(Role.ADMIN)
    paths = (
        "/",
        "/dashboard/dead-letters",
        "/dashboard/notifications",
        f"/dashboard/notifications/{notification_id}",
        "/dashboard/audit",
    )
    for path in (*paths, f"/dashboard/notifications?q={HOSTILE}", f"/dashboard/suppressions?address={HOSTILE}"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert [name for name in attributes_of(page) if name.startswith("on") or name == "style"] == [], path
    shown = (await browser.get(f"/dashboard/notifications/{notification_id}")).text
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


async def test_a_page_of_nothing_says_what_to_do(desk: Desk) -> None:
    browser = await desk.signed_in(Role.ADMIN)
    said = {
        "/": "Nothing has been sent yet",
        "/dashboard/notifications": "Nothing has been sent yet",
        "/dashboard/notifications?q=order-1": "Check the spelling",
        "/dashboard/dead-letters": "No dead letters",
        "/dashboard/dead-letters?reason=x": "Show all",
        "/dashboard/dead-letters/replay": "Nothing matches",
        "/dashboard/providers": "angarium work email",
        "/dashboard/suppressions": "No address is suppressed",
    }
    for path, words in said.items():
        assert words in (await browser.get(path)).text, path


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/dashboard/notifications?status=lost", "status"),
        ("/dashboard/notifications?from=yesterday", "from"),
        ("/dashboard/notifications?cursor=x", "cursor"),
    ],
)
async def test_a_wrong_search_is_said_on_the_page(desk: Desk, path: str, field: str) -> None:
    answer = await (await desk.signed_in(Role.VIEWER)).get(path)
    assert answer.status_code == 400
    assert f"{field}:" in answer.text
    assert 'role="search"' in answer.text


async def test_an_address_is_looked_for_in_the_record_and_among_users(world: World, desk: Desk) -> None:
    body = {"user_id": None, "recipient": {"email": "ada@example.com"}, "variables": {"name": "Ada"}}
    notification_id = (await world.send(**body)).json()["data"]["notification_id"]
    world.users.body = b'{"data": [{"user_id": "u-1", "name": "<b>Ada</b>"}]}'
    browser = await desk.signed_in(Role.VIEWER)
    shown = (await browser.get("/dashboard/notifications?q=ada@example.com")).text
    assert f"/dashboard/notifications/{notification_id}" in shown
    assert 'q=user:u-1">&lt;b&gt;Ada&lt;/b&gt;</a>' in shown
    asked = world.users.asked[-1]
    assert (asked.path, asked.query) == ("/users", "email=ada%40example.com&limit=5")
    assert asked.headers["x-angarium-scopes"]
    world.users.status = 503
    away = (await browser.get("/dashboard/notifications?q=ada@example.com")).text
    assert "users service does not answer" in away
    assert f"/dashboard/notifications/{notification_id}" in away
    found = await browser.get(f"/dashboard/notifications?q={notification_id}")
    assert found.headers["location"] == f"/dashboard/notifications/{notification_id}"


async def test_errors_are_pages_for_browsers_and_envelopes_for_programs(world: World, desk: Desk) -> None:
    browser = desk.browser()
    missing = await browser.get("/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "default-src 'none'" in missing.headers["content-security-policy"]
    assert missing.headers["x-correlation-id"]
    for accept in ("*/*", "application/json", "application/json, text/html", ""):
        answer = await browser.client.get("/nowhere", headers={"accept": accept})
        assert answer.json()["error"]["code"] == "not_found"
    api = await browser.get("/api/v1/notifications")
    assert (api.status_code, api.json()["error"]["code"]) == (401, "unauthorized")


async def test_an_operator_cancels_sends_again_and_sees_the_content(world: World, desk: Desk) -> None:
    sent = await world.send(send_at="2030-01-01T00:00:00Z")
    path = f"/dashboard/notifications/{sent.json()['data']['notification_id']}"
    browser = await desk.signed_in(Role.OPERATOR)
    assert "Cancel" in (await browser.get(path)).text
    done = await browser.post(f"{path}/cancel")
    assert done.status_code == 303
    shown = (await browser.get(done.headers["location"])).text
    assert "Cancelled." in shown
    assert "operator:operator-of-default" in shown
    again = await browser.post(f"{path}/cancel")
    assert again.status_code == 409
    assert "is cancelled already" in again.text
    new = await browser.post(f"{path}/send-again")
    assert new.status_code == 303
    assert new.headers["location"].split("?")[0] != path
    assert "welcome" in (await browser.get(new.headers["location"])).text
    audited = await world.client.get("/api/v1/audit", params={"actor": "operator:operator-of-default"})
    actions = [entry["action"] for entry in audited.json()["data"]]
    assert {"notification.cancelled", "notification.sent_again"} <= set(actions)


async def test_dead_letters_are_replayed_one_or_by_filter_and_discarded(world: World, desk: Desk) -> None:
    ids = [await fail(world, f"r-{number}") for number in range(3)]
    browser = await desk.signed_in(Role.OPERATOR)
    page = (await browser.get("/dashboard/dead-letters")).text
    assert "By reason" in page
    letters = re.findall(r'href="/dashboard/dead-letters/([0-9a-f-]{36})"', page)
    assert len(letters) == 3
    assert "Replay" in (await browser.get(f"/dashboard/notifications/{ids[0]}")).text
    replayed = await browser.post(f"/dashboard/dead-letters/{letters[0]}/replay")
    assert replayed.headers["location"].endswith("?done=replayed")
    assert (await browser.post(f"/dashboard/dead-letters/{letters[0]}/replay")).status_code == 404
    discarded = await browser.post(f"/dashboard/dead-letters/{letters[1]}/discard")
    assert discarded.status_code == 303
    dry = (await browser.get("/dashboard/dead-letters/replay?reason=permanent")).text
    assert "1 would be sent again" in dry
    begun = await browser.post("/dashboard/dead-letters/replay", reason="permanent", rate="50")
    assert begun.status_code == 303
    assert "Done" in (await browser.get(begun.headers["location"])).text
    for rate in ("-1", "0", "nan", "inf", "fast"):
        refused = await browser.post("/dashboard/dead-letters/replay", reason="permanent", rate=rate)
        assert (refused.status_code, "rate_per_second" in refused.text) == (400, True), rate


async def test_an_operator_sees_why_marketing_is_paused_and_resumes_it(world: World, desk: Desk) -> None:
    provider_id, store = provider_id_of(Channel.EMAIL, "smtp"), world.gateway.parts.providers
    await store.register([Configured(provider_id, Channel.EMAIL, "smtp", "smtp", 1, None, None)])
    await store.reputation.add({provider_id: Totals(1000, 120, 2)})
    await store.reputation.pause(provider_id, "120 of 1,000 sends in 24 h bounced")
    browser = await desk.signed_in(Role.OPERATOR)
    page = (await browser.get("/dashboard/providers")).text
    for words in (
        "120 of 1,000 (12%)",
        "2 (0.2%)",
        "120 of 1,000 sends in 24 h bounced",
        "Resume the marketing of smtp",
    ):
        assert words in page
    resumed = await browser.post(f"/dashboard/providers/{provider_id}/reputation", state="auto")
    assert (resumed.status_code, resumed.headers["location"]) == (303, "/dashboard/providers?done=breaker_set")
    [standing] = await store.standings(provider_id)
    assert (standing.sender.paused, standing.sender.totals) == (False, Totals())
    assert (await browser.post(f"/dashboard/providers/{provider_id}/reputation", state="open")).status_code == 400
    viewer = await desk.signed_in(Role.VIEWER)
    assert "Resume the marketing" not in (await viewer.get("/dashboard/providers")).text


async def test_a_refused_form_says_which_field_is_wrong(desk: Desk) -> None:
    browser = await desk.signed_in(Role.OPERATOR)
    refused = await browser.post("/dashboard/suppressions", address="<no address>")
    assert refused.status_code == 400
    assert "Validation failed: address: " in refused.text
    assert "<no address>" not in refused.text


def test_assets_are_those_of_the_folder_only() -> None:
    for name in ("../pages.py", "pages.py", "dashboard.css/", "none.js", "templates"):
        with pytest.raises(NotFound):
            asset(name)
    assert b":root" in bytes(asset("dashboard.css").body)


def test_pages_load_nothing_from_elsewhere_and_have_no_inline_style_or_script() -> None:
    folder = files(PACKAGE)
    for part in ("templates", "static"):
        for path in (folder / part).iterdir():
            if path.is_file():
                text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
                assert not re.search(r'(src|href)="(https?:)?//', text), path
                assert not re.search(r"<style|style=|<script(?! type=\"module\" src=\"/)|\son[a-z]+=", text), path
