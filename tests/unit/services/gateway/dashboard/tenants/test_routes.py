"""Tenants on their page."""

import re

import pytest

from angarium.contracts.operators import Role
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk
from tests.unit.services.gateway.dashboard.library.test_use_cases import actions

pytestmark = pytest.mark.slow

PATH = "/dashboard/tenants"


async def test_a_tenant_is_made_with_a_first_key_of_its_own(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.ADMIN)
    await browser.get(PATH)
    made = await browser.post(PATH, tenant="acme", name="Acme & Sons")
    assert made.status_code == 201
    [secret] = set(re.findall(r"ang_live_\w+", made.text))
    keys = await world.client.get("/api/v1/keys", headers={"x-api-key": secret})
    assert [key["tenant"] for key in keys.json()["data"]] == ["acme"]
    assert "Acme &amp; Sons" in (await browser.get(PATH)).text
    assert await actions(world) == [("operator:admin-of-default", "tenant.created", "acme")]
    for fields, status in (({"tenant": "acme"}, 409), ({"tenant": "No Good"}, 400), ({}, 400)):
        refused = await browser.post(PATH, **fields)
        assert (refused.status_code, "tenant:" in refused.text) == (status, True), fields


async def test_only_the_default_tenant_sees_tenants_and_settings(desk: Desk) -> None:
    browser = await desk.signed_in(Role.ADMIN, tenant="other")
    shown = (await browser.get("/dashboard/keys")).text
    for path in (PATH, "/dashboard/settings"):
        assert (await browser.get(path)).status_code == 403
        assert f'href="{path}"' not in shown
    assert (await browser.post(PATH, tenant="acme")).status_code == 403
