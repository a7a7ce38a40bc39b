"""The sliding window, and what a caller sees of it."""

import asyncio
from collections import deque
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.scopes import Scope
from angarium.platform.settings import RateLimit
from angarium.services.gateway.rate_limit import SLOTS, Window
from tests.unit.services.gateway.conftest import PATH, World, error_of


@given(
    count=st.integers(1, 20),
    steps=st.lists(st.floats(0, 0.7, allow_nan=False), max_size=200),
)
def test_no_window_ever_holds_more_than_the_limit(count: int, steps: list[float]) -> None:
    window, allowed, now = Window(RateLimit(count, timedelta(seconds=1))), deque[float](), 1000.0
    for step in steps:
        now += step
        if window.take(now) == 0:
            allowed.append(now)
        while allowed and allowed[0] <= now - 1:
            allowed.popleft()
        assert len(allowed) <= count


def test_the_whole_allowance_may_come_at_once() -> None:
    window = Window(RateLimit(100, timedelta(seconds=1)))
    assert [window.take(5.0) for _ in range(100)] == [0.0] * 100
    assert window.take(5.0) > 0


def test_after_the_wait_it_told_a_call_is_allowed() -> None:
    window = Window(RateLimit(3, timedelta(minutes=1)))
    for _ in range(3):
        window.take(7.0)
    wait = window.take(8.0)
    assert 59 <= wait <= 60 * (1 + 1 / SLOTS)
    assert window.take(8.0 + wait) == 0


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


async def test_neither_an_address_nor_the_form_of_a_path_gets_around_it(world: World) -> None:
    made = await world.client.post(
        "/api/v1/keys", json={"name": "slow", "scopes": [Scope.NOTIFICATIONS_READ], "rate_limit": "1/hour"}
    )
    key = {"x-api-key": made.json()["data"]["key"]}
    statuses = [
        (await world.client.get(f"{PATH}{end}", headers={**key, "x-forwarded-for": f"10.0.0.{n}"})).status_code
        for n, end in enumerate(("", "/", "?page=1", "/"))
    ]
    assert statuses == [200, 429, 429, 429]


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
