"""One tenant asks for another's things, on every route and method that a service documents: they are not there.

The requests are made from the OpenAPI documents. A new route is covered by itself; one with a new kind of id in its
path fails until `whole.fill` makes such a thing for the other tenant.
"""

import json
from http import HTTPStatus
from typing import Any

import httpx2
import pytest

from tests.security.whole import NO_SECRET_OF_A_TENANT, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWERED_WITHOUT_ANY = frozenset({"/api/notifications/user/{user_id}/stats"})
"""Counts, which are zero for unknown users."""
REFUSED = {
    "/api/v1/providers/{provider_id}/breaker": HTTPStatus.FORBIDDEN,
    "/api/v1/providers/{provider_id}/reputation": HTTPStatus.FORBIDDEN,
    "/api/v1/providers/{provider_id}/test": HTTPStatus.FORBIDDEN,
    "/webhooks/{provider}/{token}": HTTPStatus.UNAUTHORIZED,
}
"""About things that belong to no tenant: for operators of the default tenant, and for providers that know a token."""


async def test_what_another_tenant_has_is_as_if_it_were_not_there(world: World) -> None:
    before = await world.everything_of_the_other()
    asked, wrong = 0, []
    for operation in world.operations():
        unknown = operation.names - world.theirs.keys()
        assert not unknown, f"{operation}: make a {unknown} for the other tenant in `fill`"
        if not world.names_any(operation):
            continue
        theirs = await world.ask(operation, world.theirs)
        absent = await world.ask(operation, world.absent)
        asked += 1
        if theirs.status_code == 400 or theirs.status_code >= 500:
            wrong.append(f"{operation} was not really asked: {theirs.text}")
        if (theirs.status_code, _told(world, theirs)) != (absent.status_code, _told(world, absent)):
            wrong.append(f"{operation}: {theirs.status_code} {theirs.text}, of what is absent {absent.text}")
        right = REFUSED.get(operation.path, HTTPStatus.NOT_FOUND)
        if operation.names and theirs.status_code != right and operation.path not in ANSWERED_WITHOUT_ANY:
            wrong.append(f"{operation}: {theirs.status_code} {theirs.text}")
    assert wrong == []
    assert asked > 40
    assert await world.everything_of_the_other() == before


async def test_no_list_shows_what_another_tenant_has(world: World) -> None:
    hidden = [value for name, value in world.theirs.items() if name not in NO_SECRET_OF_A_TENANT]
    lists = [operation for operation in world.operations() if operation.method == "get" and not operation.names]
    for operation in lists:
        answer = await world.ask(operation, {})
        assert not [value for value in hidden if value in answer.text], operation
    assert len(lists) >= 8


async def test_a_key_of_another_tenant_is_no_operator(world: World) -> None:
    for method, path, body in (("GET", "", None), ("POST", "", {"tenant": "c"})):
        answer = await world.client.request(method, f"/api/v1/tenants{path}", json=body, headers=world.mine)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def _told(world: World, answer: httpx2.Response) -> Any:
    """What an answer says, but for the ids that were asked for and the correlation."""
    text = answer.text
    for ids in (world.theirs, world.absent):
        for value in ids.values():
            text = text.replace(value, "ID")
    body = json.loads(text)
    if body.get("error"):
        body["error"].pop("correlation_id")
    return body
