"""Keys on their page: shown once, in force at once, audited."""

import re

import pytest

from angarium.contracts.operators import Role
from angarium.contracts.scopes import Scope
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk
from tests.unit.services.gateway.dashboard.library.test_use_cases import actions

pytestmark = pytest.mark.slow

PATH = "/dashboard/keys"
SECRET = re.compile(r"ang_(?:live|test)_\w+")


async def works(world: World, secret: str) -> bool:
    """Whether a key is taken."""
    answer = await world.client.get("/api/v1/notifications", headers={"x-api-key": secret})
    return answer.status_code == 200


async def test_a_key_is_made_rotated_and_revoked_and_is_shown_once(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.ADMIN)
    fields = {"name": "shop", "scope.notifications:read": "on", "rate_limit": "100/second"}
    made = await browser.post(PATH, **fields)
    assert made.status_code == 201
    [first] = set(SECRET.findall(made.text))
    assert await works(world, first)
    listed = (await browser.get(PATH)).text
    assert "100/second" in listed
    assert not SECRET.search(listed)
    taken = await browser.post(PATH, **fields)
    assert (taken.status_code, "a living key has this name" in taken.text) == (409, True)
    key_id = re.search(r"/dashboard/keys/([0-9a-f-]{36})/rotate", listed)
    assert key_id is not None
    [second] = set(SECRET.findall((await browser.post(f"{PATH}/{key_id[1]}/rotate")).text))
    assert (await works(world, first), await works(world, second)) == (False, True)
    ids = re.findall(r"/dashboard/keys/([0-9a-f-]{36})/revoke", (await browser.get(PATH)).text)
    done = await browser.post(f"{PATH}/{ids[0]}/revoke")
    assert done.headers["location"] == f"{PATH}?done=key_revoked"
    assert not await works(world, second)
    assert (await browser.post(f"{PATH}/{ids[0]}/revoke")).status_code == 404
    done_by = [(actor, action) for actor, action, _ in await actions(world)]
    assert done_by == [("operator:admin-of-default", f"key.{verb}") for verb in ("revoked", "rotated", "created")]
    for secret in (first, second):
        assert secret not in world.log.getvalue()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scope.admin": "on"}, "name"),
        ({"name": "shop"}, "scopes"),
        ({"name": "shop", "scope.admin": "on", "rate_limit": "fast"}, "rate_limit"),
        ({"name": "shop", "scope.admin": "on", "kind": "dead"}, "kind"),
    ],
)
async def test_a_wrong_form_is_shown_again(desk: Desk, fields: dict[str, str], field: str) -> None:
    browser = await desk.signed_in(Role.ADMIN)
    refused = await browser.post(PATH, **fields)
    assert refused.status_code == 400
    assert f"{field}:" in refused.text
    assert ("checked" in refused.text) is ("scope.admin" in fields)


async def test_keys_of_another_tenant_are_not_there(world: World, desk: Desk) -> None:
    await world.key(Scope.ADMIN, name="ours")  # of the tenant `default`
    browser = await desk.signed_in(Role.ADMIN, tenant="other")
    assert "ours" not in (await browser.get(PATH)).text
    for act in ("rotate", "revoke"):
        assert (await browser.post(f"{PATH}/{world.keys['ours']}/{act}")).status_code == 404
