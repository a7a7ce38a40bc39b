"""Who may see and do what: every route by every role, forged forms, cookies, where a sign-in leads."""

import re
from itertools import product
from uuid import uuid4

import pytest
from starlette.routing import BaseRoute

from angarium.contracts.operators import Role
from angarium.services.gateway.dashboard.viewing import local_path
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk

pytestmark = pytest.mark.slow

ONE = str(uuid4())
OPEN = {"/", "/dashboard/sign-in", "/dashboard/sign-in/{link}", "/dashboard/assets/{name}"}
"""Pages that need no session."""
LEAST = {
    "GET /dashboard/live": Role.VIEWER,
    "GET /dashboard/notifications": Role.VIEWER,
    "GET /dashboard/notifications/{notification_id}": Role.VIEWER,
    "GET /dashboard/notifications/{notification_id}/content": Role.OPERATOR,
    "GET /dashboard/notifications/{notification_id}/content/html": Role.OPERATOR,
    "POST /dashboard/notifications/{notification_id}/cancel": Role.OPERATOR,
    "POST /dashboard/notifications/{notification_id}/send-again": Role.OPERATOR,
    "POST /dashboard/notifications/{notification_id}/resolve": Role.OPERATOR,
    "GET /dashboard/dead-letters": Role.VIEWER,
    "GET /dashboard/dead-letters/{letter_id}": Role.VIEWER,
    "GET /dashboard/dead-letters/replay": Role.OPERATOR,
    "POST /dashboard/dead-letters/replay": Role.OPERATOR,
    "POST /dashboard/dead-letters/{letter_id}/replay": Role.OPERATOR,
    "POST /dashboard/dead-letters/{letter_id}/discard": Role.OPERATOR,
    "GET /dashboard/providers": Role.VIEWER,
    "POST /dashboard/providers/{provider_id}/breaker": Role.OPERATOR,
    "POST /dashboard/providers/{provider_id}/reputation": Role.OPERATOR,
    "GET /dashboard/suppressions": Role.VIEWER,
    "POST /dashboard/suppressions": Role.OPERATOR,
    "POST /dashboard/suppressions/{suppression_id}/remove": Role.OPERATOR,
    "GET /dashboard/users": Role.VIEWER,
    "GET /dashboard/users/{user_id}": Role.VIEWER,
    "POST /dashboard/users/{user_id}/preferences": Role.EDITOR,
    "POST /dashboard/users/{user_id}/devices/{device_id}/remove": Role.EDITOR,
    "POST /dashboard/users/{user_id}/erase": Role.EDITOR,
    "GET /dashboard/templates": Role.VIEWER,
    "GET /dashboard/templates/-/edit": Role.EDITOR,
    "POST /dashboard/templates/-/edit": Role.EDITOR,
    "GET /dashboard/templates/{code}": Role.VIEWER,
    "GET /dashboard/templates/{code}/html": Role.VIEWER,
    "GET /dashboard/templates/{code}/diff": Role.VIEWER,
    "POST /dashboard/templates/{code}/versions/{version}/publish": Role.EDITOR,
    "POST /dashboard/templates/{code}/archive": Role.EDITOR,
    "POST /dashboard/templates/{code}/test": Role.OPERATOR,
    "GET /dashboard/keys": Role.ADMIN,
    "POST /dashboard/keys": Role.ADMIN,
    "POST /dashboard/keys/{key_id}/rotate": Role.ADMIN,
    "POST /dashboard/keys/{key_id}/revoke": Role.ADMIN,
    "GET /dashboard/tenants": Role.ADMIN,
    "POST /dashboard/tenants": Role.ADMIN,
    "GET /dashboard/operators": Role.ADMIN,
    "POST /dashboard/operators": Role.ADMIN,
    "POST /dashboard/operators/{operator_id}/revoke": Role.ADMIN,
    "GET /dashboard/audit": Role.ADMIN,
    "GET /dashboard/settings": Role.ADMIN,
    "POST /dashboard/sign-out": Role.VIEWER,
}
"""The least role of each route."""
RANK = list(Role)


def routes_of(world: World) -> set[str]:
    """Every route of the dashboard that needs a session."""
    found: set[str] = set()
    for router in world.gateway.dashboard.routers():
        routes: list[BaseRoute] = router.routes
        for route in routes:
            path: str = getattr(route, "path", "")
            methods: set[str] = getattr(route, "methods", set())
            if path not in OPEN:
                found |= {f"{method} {path}" for method in methods}
    return found


async def test_every_route_is_in_the_matrix_and_every_role_is_held_to_it(world: World, desk: Desk) -> None:
    assert routes_of(world) == LEAST.keys()
    world.users.status = world.template_service.status = 404  # what they answer is not the point here
    browsers = {role: await desk.signed_in(role) for role in Role}
    world.gateway.end_streams()  # so that the stream of live parts ends at once
    for (route, least), role in product(LEAST.items(), Role):
        if route.endswith("/sign-out"):
            continue
        method, path = route.split()
        path = re.sub(r"\{\w+\}", ONE, path.replace("{version}", "1"))
        browser = browsers[role]
        answer = await (browser.get(path) if method == "GET" else browser.post(path))
        allowed = RANK.index(role) >= RANK.index(least)
        assert (answer.status_code != 403) is allowed, f"{role}: {route} gave {answer.status_code}"
        assert answer.status_code < 500, f"{role}: {route}"


async def test_without_a_session_every_page_is_the_sign_in_form_and_data_is_refused(world: World, desk: Desk) -> None:
    browser = desk.browser()
    for route in LEAST:
        method, path = route.split()
        path = re.sub(r"\{\w+\}", ONE, path)
        answer = await browser.client.request(method, path, headers={"accept": "text/html"})
        assert answer.status_code == 401, route
        assert 'type="password"' in answer.text
    asked = await browser.get("/dashboard/notifications?q=order-42")
    assert 'value="/dashboard/notifications?q=order-42"' in asked.text
    program = await world.client.get("/dashboard/notifications")
    assert program.json()["error"]["code"] == "unauthorized"


async def test_keys_and_tokens_of_the_api_open_no_page_and_a_session_opens_no_api(world: World, desk: Desk) -> None:
    token = (await world.client.post("/api/v1/auth/token")).json()["data"]["access_token"]
    for headers in (dict(world.client.headers), {"authorization": f"Bearer {token}"}):
        answer = await desk.browser().client.get("/dashboard/notifications", headers=headers)
        assert answer.status_code == 401
    browser = await desk.signed_in(Role.ADMIN)
    assert (await browser.client.get("/api/v1/notifications")).status_code == 401


async def test_a_forged_form_changes_nothing(world: World, desk: Desk) -> None:
    notification_id = (await world.send(send_at="2030-01-01T00:00:00Z")).json()["data"]["notification_id"]
    browser = await desk.signed_in(Role.ADMIN)
    own, same = browser.token, browser.same_origin
    for token, headers in (
        ("", same),
        ("0" * 64, same),
        (own, {"sec-fetch-site": "cross-site"}),
        (own, {"sec-fetch-site": "same-site"}),
        (own, {"origin": "http://evil.example"}),
        (own, {"origin": "null"}),
    ):
        browser.token, browser.same_origin = token, headers
        for path in (f"/dashboard/notifications/{notification_id}/cancel", "/dashboard/sign-out"):
            assert (await browser.post(path)).status_code == 403, (token, headers)
    assert (await browser.get("/dashboard/notifications")).status_code == 200
    shown = await world.client.get(f"/api/v1/notifications/{notification_id}")
    assert shown.json()["data"]["status"] == "scheduled"


async def test_an_old_browser_sends_its_origin_and_is_believed(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.VIEWER)
    browser.same_origin = {"origin": "http://localhost"}
    assert (await browser.post("/dashboard/sign-out")).status_code == 303
    assert (await browser.get("/dashboard/notifications")).status_code == 401


async def test_a_sign_in_form_of_another_browser_is_refused(desk: Desk) -> None:
    victim, attacker = desk.browser(), desk.browser()
    await attacker.get("/dashboard/sign-in")
    await victim.get("/dashboard/sign-in")
    victim.token = attacker.token
    assert (await victim.post("/dashboard/sign-in", name="eve", password="x" * 12)).status_code == 403


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_for_us_alone(desk: Desk, secure: bool) -> None:
    browser = desk.browser()
    headers = {"accept": "text/html", **({"x-forwarded-proto": "https"} if secure else {})}
    answer = await browser.client.get("/dashboard/sign-in", headers=headers)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert ("Secure" in cookie, cookie.startswith("__Host-")) == (secure, secure)


async def test_a_wrong_password_is_said_and_the_way_back_is_kept(desk: Desk) -> None:
    browser = desk.browser()
    await browser.get("/dashboard/sign-in")
    answer = await browser.post("/dashboard/sign-in", name='ada"><script>', password="wrong", target="/dashboard/audit")
    assert answer.status_code == 401
    assert "The name or the password is wrong" in answer.text
    assert "<script>" not in answer.text
    assert 'value="/dashboard/audit"' in answer.text


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/dashboard/audit?actor=a", "/dashboard/audit?actor=a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_a_sign_in_leads_to_a_path_of_ours(target: str | None, path: str) -> None:
    assert local_path(target) == path


async def test_a_link_is_used_by_its_button_on_this_machine_only(world: World, desk: Desk) -> None:
    link = f"/dashboard/sign-in/{world.gateway.links.make()}"
    browser = desk.browser()
    for host in ("gateway", "evil.example"):
        answer = await browser.client.get(link, headers={"host": host, "accept": "text/html"})
        assert answer.status_code == 403
    assert "works once" in (await browser.get(link)).text
    assert "works once" in (await browser.get(link)).text
    foreign = await browser.client.post(link, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert (await browser.post(link)).status_code == 303
    assert (await browser.get("/dashboard/audit")).status_code == 200
    assert "no longer valid" in (await desk.browser().get(link)).text


async def test_another_tenants_things_are_not_there(world: World, desk: Desk) -> None:
    notification_id = (await world.send()).json()["data"]["notification_id"]
    browser = await desk.signed_in(Role.ADMIN, tenant="other")
    assert (await browser.get(f"/dashboard/notifications/{notification_id}")).status_code == 404
    assert str(notification_id) not in (await browser.get("/dashboard/notifications")).text
    overview = await browser.get("/")
    assert overview.status_code == 200
    assert "Queues and providers" not in overview.text
    assert "/dashboard/providers" not in overview.text
    assert (await browser.get("/dashboard/providers")).status_code == 403
