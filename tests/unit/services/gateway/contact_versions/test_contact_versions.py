"""The users service tells which versions users have reached."""

from typing import Any
from uuid import uuid4

import pytest

from tests.unit.services.gateway.conftest import SERVICE_TOKEN, World, error_of

PATH = "/internal/v1/contact-versions"
SERVICE = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "default"}


async def test_it_keeps_the_highest_version_of_each_user(world: World) -> None:
    first, second = uuid4(), uuid4()
    for versions in ({first: 2, second: 5}, {first: 3, second: 4}):
        body = {"versions": {str(user_id): version for user_id, version in versions.items()}}
        answer = await world.client.post(PATH, json=body, headers=SERVICE)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert await world.store.contact_versions([first, second]) == {first: 3, second: 5}


async def test_a_client_may_not_tell(world: World) -> None:
    user_id = uuid4()
    answer = await world.client.post(PATH, json={"versions": {str(user_id): 2}})
    assert answer.status_code in {401, 403, 404}
    assert await world.store.contact_versions([user_id]) == {}


OTHER_SHAPES: list[Any] = [
    {},
    {"versions": []},
    {"versions": {"x": 1}},
    {"versions": {str(uuid4()): 0}},
    {"versions": {str(uuid4()): 2**31}},
    {"versions": {str(uuid4()): "2"}},
    {"versions": {}, "more": 1},
    {"versions": {str(uuid4()): 1 for _ in range(1001)}},
]


async def test_a_body_of_another_shape_is_refused(world: World, subtests: pytest.Subtests) -> None:
    for body in OTHER_SHAPES:
        with subtests.test(body=body):
            answer = await world.client.post(PATH, json=body, headers=SERVICE)
            assert answer.status_code == 400
            assert error_of(answer)["code"] == "validation_error"
