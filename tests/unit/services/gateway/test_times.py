"""Times from outside: within 2000 to 2200, or refused by their field, on every way in."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from angarium.contracts.statuses import Channel
from tests.unit.services.gateway.conftest import PATH, SERVICE_TOKEN, World, fields_of

pytestmark = pytest.mark.slow

EXTREME = [
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999999Z",
    "2000-01-01T00:00:00+00:01",
    "2200-01-01T00:00:00.000001Z",
    "2199-12-31T23:59:59-00:01",
]
SANE = "2026-11-20T09:00:00Z"
BODIES: list[tuple[str, str, Any]] = [
    (f"/api/v1/{channel}/status", "timestamp", {"notification_id": str(uuid4()), "status": "delivered"})
    for channel in Channel
]
QUERIES = [
    (PATH, "from"),
    (PATH, "to"),
    ("/api/v1/audit", "from"),
    ("/api/v1/audit", "to"),
    ("/api/v1/dead-letters", "older_than"),
]


@pytest.mark.parametrize("moment", EXTREME)
@pytest.mark.parametrize("field", ["send_at", "expires_at"])
async def test_of_a_notification(world: World, field: str, moment: str) -> None:
    answer = await world.client.post(PATH, json=world.body(**{field: moment}))
    assert (answer.status_code, fields_of(answer)) == (400, [field])
    bulk = {"notifications": [world.body(**{field: moment}), world.body(request_id="good")]}
    answer = await world.client.post(f"{PATH}/bulk", json=bulk)
    assert answer.json()["data"]["accepted"] == 1, answer.text
    assert field in answer.text


@pytest.mark.parametrize("moment", EXTREME)
@pytest.mark.parametrize(("path", "field", "body"), BODIES)
async def test_of_a_delivery_report(world: World, path: str, field: str, body: Any, moment: str) -> None:
    answer = await world.client.post(path, json={**body, field: moment})
    assert (answer.status_code, fields_of(answer)) == (400, [field])


@pytest.mark.parametrize("moment", EXTREME)
async def test_of_replays(world: World, moment: str) -> None:
    replay = "/api/v1/callbacks/replay"
    for body, field in (({"from": SANE, "to": moment}, "to"), ({"from": moment, "to": SANE}, "from")):
        answer = await world.client.post(replay, json=body)
        assert (answer.status_code, fields_of(answer)) == (400, [field])
    answer = await world.client.post("/api/v1/dead-letters/replay", json={"filter": {"older_than": moment}})
    assert (answer.status_code, fields_of(answer)) == (400, ["filter.older_than"])


@pytest.mark.parametrize("moment", EXTREME)
@pytest.mark.parametrize(("path", "field"), QUERIES)
async def test_of_queries(world: World, path: str, field: str, moment: str) -> None:
    answer = await world.client.get(f"{path}?{field}={quote(moment)}")
    assert (answer.status_code, fields_of(answer)) == (400, [field])
    assert (await world.client.get(f"{path}?{field}={quote(SANE)}")).status_code == 200


@pytest.mark.parametrize("moment", EXTREME)
async def test_of_what_other_services_report(world: World, moment: str) -> None:
    report = {"id": str(uuid4()), "at": moment, "tenant": "t", "actor": "a", "action": "user.created", "object": "o"}
    headers = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "default"}
    answer = await world.client.post("/internal/v1/audit", json={"reports": [report]}, headers=headers)
    assert (answer.status_code, fields_of(answer)) == (400, ["reports.0.at"])


@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "2200-01-01T14:00:00+14:00"])
async def test_the_bounds_themselves_are_taken(world: World, moment: str) -> None:
    for path, field in QUERIES:
        assert (await world.client.get(f"{path}?{field}={quote(moment)}")).status_code == 200
