"""What operators do with users."""

import json
from typing import Any
from uuid import uuid4

import pytest

from angarium.contracts.operators import Role
from tests.unit.services.gateway.conftest import World
from tests.unit.services.gateway.dashboard.conftest import Desk
from tests.unit.services.gateway.dashboard.library.test_use_cases import actions

pytestmark = pytest.mark.slow

USER = str(uuid4())
PATH = f"/dashboard/users/{USER}"


def answer(world: World, data: Any, status: int = 200) -> None:
    """Have the users service answer so from now on, with an entity tag."""
    world.users.status, world.users.headers = status, {"content-type": "application/json", "etag": '"7"'}
    error = {"details": [{"field": "categories.security", "message": "is mandatory"}]} if status > 299 else None
    meta = {"total": 1}
    world.users.body = json.dumps({"message": "Said so", "data": data, "error": error, "meta": meta}).encode()


def written(world: World) -> list[tuple[str, str]]:
    """Method and path of each change that the users service was asked for."""
    return [(asked.method, asked.path) for asked in world.users.asked if asked.method != "GET"]


async def test_preferences_are_changed_on_the_state_that_was_shown(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, {"email": True, "push": True, "sms": True, "webhook": True})
    done = await browser.post(f"{PATH}/preferences", etag='"7"', email="on", push="on", webhook="on")
    assert done.headers["location"] == f"{PATH}?done=preferences_saved"
    asked = world.users.asked[-1]
    assert (asked.method, asked.path, json.loads(asked.body)) == ("PATCH", f"/users/{USER}/preferences", {"sms": False})
    assert asked.headers["if-match"] == '"7"'
    assert await actions(world) == [("operator:editor-of-default", "preferences.changed", f"{USER}/preferences")]


@pytest.mark.parametrize("etag", ['"6"', ""])
async def test_an_opt_out_since_the_page_was_opened_is_not_undone(world: World, desk: Desk, etag: str) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, {"email": False, "user_id": USER, "name": "Ada"})
    refused = await browser.post(f"{PATH}/preferences", etag=etag, email="on")
    assert refused.status_code == 412
    assert "has changed since you opened the page" in refused.text
    assert (written(world), await actions(world)) == ([], [])


async def test_a_device_is_removed(world: World, desk: Desk) -> None:
    browser, device = await desk.signed_in(Role.EDITOR), str(uuid4())
    answer(world, {"device_id": device})
    done = await browser.post(f"{PATH}/devices/{device}/remove")
    assert done.headers["location"] == f"{PATH}?done=device_removed"
    assert written(world) == [("DELETE", f"/users/{USER}/devices/{device}")]
    assert await actions(world) == [("operator:editor-of-default", "device.removed", f"{USER}/devices/{device}")]


async def test_a_user_is_erased_only_after_the_word(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.EDITOR)
    answer(world, {"user_id": USER, "name": "Ada"})
    for given in ({}, {"confirm": "yes"}):
        refused = await browser.post(f"{PATH}/erase", **given)
        assert refused.status_code == 400
        assert "cannot be undone" in refused.text
    assert written(world) == []
    done = await browser.post(f"{PATH}/erase", confirm="Erase")
    assert done.headers["location"] == "/dashboard/users?done=erased"
    assert written(world) == [("DELETE", f"/users/{USER}")]
    assert await actions(world) == [("operator:editor-of-default", "user.deleted", USER)]


async def test_a_viewer_reads_preferences_and_has_no_form(world: World, desk: Desk) -> None:
    browser = await desk.signed_in(Role.VIEWER)
    answer(world, {"email": False, "user_id": USER, "name": "Ada"})
    shown = (await browser.get(PATH)).text
    assert "all messages" in shown
    assert "checkbox" not in shown
    assert "Erase" not in shown
