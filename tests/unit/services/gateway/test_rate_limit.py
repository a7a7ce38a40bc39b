"""What a caller sees of its rate limit."""

import asyncio

from angarium.contracts.scopes import Scope
from angarium.platform.rate_limit.port import SLOTS
from tests.unit.services.gateway.conftest import PATH, World, error_of

PATHS = (
    PATH,
    f"{PATH}/",
    f"{PATH}?page=1",
    f"/{PATH}",
    PATH.upper(),
    f"{PATH};x=1",
    f"{PATH}//",
    "/api/v1/../v1/notifications",
)


async def test_a_key_with_its_own_limit_gets_a_429_with_the_headers(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": [Scope.NOTIFICATIONS_READ], "rate_limit": "3/hour"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    answers = await asyncio.gather(*(world.client.get(PATH, headers=key) for _ in range(5)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2
    assert error_of(refused[0])["code"] == "rate_limited"
    assert 3000 < int(refused[0].headers["retry-after"]) <= 3600 * (1 + 1 / SLOTS)
    assert refused[0].headers["ratelimit-limit"] == "3"
    assert refused[0].headers["ratelimit-remaining"] == "0"
    assert b"angarium_rate_limited_total 2.0" in world.metrics.render()


async def test_every_answer_says_how_the_caller_stands(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": [Scope.NOTIFICATIONS_SEND], "rate_limit": "90/minute"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    sent = await world.send(headers=key)
    refused = await world.client.get(PATH, headers=key)
    assert (sent.status_code, refused.status_code) == (202, 403)
    assert [answer.headers["ratelimit-remaining"] for answer in (sent, refused)] == ["89", "88"]
    assert sent.headers["ratelimit-limit"] == "90"
    assert 0 < int(sent.headers["ratelimit-reset"]) <= 60


async def test_neither_an_address_nor_the_form_of_a_path_gets_around_it(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": [Scope.NOTIFICATIONS_READ], "rate_limit": "1/hour"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    statuses = [
        (await world.client.get(f"http://gateway{path}", headers={**key, **_from(f"10.0.0.{n}")})).status_code
        for n, path in enumerate(PATHS)
    ]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 404, 429}


def _from(address: str) -> dict[str, str]:
    return {"x-forwarded-for": address, "x-real-ip": address, "forwarded": f"for={address}", "client-ip": address}


async def test_a_bulk_counts_as_one_and_health_as_none(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": [Scope.NOTIFICATIONS_SEND], "rate_limit": "2/hour"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    for number in range(2):
        assert (await world.client.get("/health", headers=key)).status_code == 200
        items = [world.body(request_id=f"{number}-{n}") for n in range(50)]
        bulk = await world.client.post(f"{PATH}/bulk", json={"notifications": items}, headers=key)
        assert bulk.status_code == 202
    assert (await world.send(headers=key)).status_code == 429
