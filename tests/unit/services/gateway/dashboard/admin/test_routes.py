"""Operators, the audit log and the settings on their pages."""

import re

import pytest

from angarium.contracts.operators import Role
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk
from tests.unit.services.gateway.dashboard.library.test_use_cases import actions

pytestmark = pytest.mark.slow


async def test_an_account_is_made_signs_in_and_is_revoked(world: World, desk: Desk) -> None:
    admin = await desk.signed_in(Role.ADMIN)
    made = await admin.post("/dashboard/operators", name="grace", role="viewer")
    assert made.status_code == 201
    password = re.search(r'class="copy secret">([a-z2-7]{24})<', made.text)
    assert password is not None
    assert password[1] not in (await admin.get("/dashboard/operators")).text
    other = desk.browser()
    await other.get("/dashboard/sign-in")
    assert (await other.post("/dashboard/sign-in", name="grace", password=password[1])).status_code == 303
    assert (await other.get("/dashboard/notifications")).status_code == 200
    row = re.search(
        r"Revoke grace.*?/dashboard/operators/([0-9a-f-]{36})/revoke", (await admin.get("/dashboard/operators")).text
    )
    assert row is not None
    done = await admin.post(f"/dashboard/operators/{row[1]}/revoke")
    assert done.headers["location"] == "/dashboard/operators?done=operator_revoked"
    assert (await other.get("/dashboard/notifications")).status_code == 401
    assert [action for _, action, _ in await actions(world)] == ["operator.revoked", "operator.created"]
    taken = await admin.post("/dashboard/operators", name="admin-of-default", role="viewer")
    assert (taken.status_code, "name: an operator has this name" in taken.text) == (409, True)
    assert (await admin.post("/dashboard/operators", name="x", role="king")).status_code == 400


async def test_the_audit_log_is_filtered_by_who_what_and_when(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.ADMIN)
    await world.client.post("/api/v1/tenants", json={"tenant": "acme"})
    asked = {
        "action=tenant.created": True,
        "action=tenant.created&actor=default": True,
        "action=tenant.created&object=acme&from=2000-01-01T00:00": True,
        "action=tenant.created&to=2000-01-01T00:00": False,
        "action=tenant.created&from=2199-01-01T00:00": False,
        "actor=operator:admin-of-default": False,
    }
    for query, found in asked.items():
        page = (await browser.get(f"/dashboard/audit?{query}")).text
        assert ("<td>tenant.created</td>" in page) is found, query
    for query in ("from=yesterday", "cursor=x"):
        refused = await browser.get(f"/dashboard/audit?{query}")
        assert (refused.status_code, 'role="alert"' in refused.text) == (400, True), query
