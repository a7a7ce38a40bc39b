"""Reading and cancelling notifications; delivery reports."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Status
from angarium.notifications.model import Result
from angarium.platform.auth.caller import TENANT_HEADER
from tests.unit.services.gateway.conftest import PATH, SERVICE_TOKEN, World, error_of, fields_of

pytestmark = pytest.mark.slow

NOBODYS = "01a1f8a0-7ec9-764a-b61a-ce54ccb0749d"
OTHER_TENANT = {"x-service-token": SERVICE_TOKEN, TENANT_HEADER: "other"}


async def sent(world: World) -> str:
    """A notification whose provider took it."""
    notification_id: str = (await world.send()).json()["data"]["notification_id"]
    token = uuid4()
    await world.store.claim([UUID(notification_id)], token=token, lease=timedelta(seconds=20), worker="w-1")
    assert await world.store.record([Result(id=UUID(notification_id), claim_token=token, status=Status.SENT)]) == [True]
    return notification_id


async def view(world: World, notification_id: str) -> dict[str, Any]:
    data: dict[str, Any] = (await world.client.get(f"{PATH}/{notification_id}")).json()["data"]
    return data


async def test_the_alias_shows_the_same(world: World) -> None:
    url = (await world.send()).json()["data"]["status_url"]
    whole, alias = await world.client.get(url), await world.client.get(f"{url}/status")
    assert whole.json()["data"] == alias.json()["data"]


async def test_an_unknown_notification_is_a_404(world: World) -> None:
    answer = await world.client.get(f"{PATH}/{uuid4()}")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


async def test_another_tenants_is_a_404(world: World) -> None:
    url = (await world.send()).json()["data"]["status_url"]
    for method, path in (("GET", ""), ("GET", "/status"), ("GET", "/events"), ("POST", "/cancel")):
        answer = await world.client.request(method, f"{url}{path}", headers=OTHER_TENANT)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert (await world.client.get(PATH, headers=OTHER_TENANT)).json()["meta"]["total"] == 0


async def test_an_invalid_id_is_a_400(world: World) -> None:
    answer = await world.client.get(f"{PATH}/nonsense")
    assert (answer.status_code, fields_of(answer)) == (400, ["notification_id"])


async def test_the_timeline_begins_with_the_acceptance(world: World) -> None:
    url = (await world.send()).json()["data"]["status_url"]
    [event] = (await world.client.get(f"{url}/events")).json()["data"]
    assert (event["event"], event["status"]) == ("accepted", "pending")
    assert event["at"].endswith("Z")


async def test_lists_page_through_all_newest_first(world: World) -> None:
    ids = [(await world.send(request_id=f"r-{n}")).json()["data"]["notification_id"] for n in range(5)]
    first = (await world.client.get(f"{PATH}?limit=2")).json()
    assert first["meta"]["total"] == 5
    assert (first["meta"]["total_pages"], first["meta"]["has_next"], first["meta"]["has_previous"]) == (3, True, False)
    seen, cursor = [], ""
    while True:
        answer = (await world.client.get(f"{PATH}?limit=2{cursor}")).json()
        seen += [row["notification_id"] for row in answer["data"]]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['meta']['next_cursor']}"
    assert sorted(seen) == sorted(ids)
    assert seen == sorted(seen, key=ids.index, reverse=True)
    second = (await world.client.get(f"{PATH}?limit=2&page=2")).json()
    assert [row["notification_id"] for row in second["data"]] == seen[2:4]


async def test_filters(world: World) -> None:
    await world.send(request_id="a")
    await world.send(request_id="b", notification_type="sms")
    other = world.contacts.add()
    await world.send(request_id="c", user_id=str(other))

    async def found(query: str) -> list[str]:
        rows = (await world.client.get(f"{PATH}?{query}")).json()["data"]
        return sorted(row["request_id"] for row in rows)

    assert await found("notification_type=sms") == ["b"]
    assert await found(f"user_id={other}") == ["c"]
    assert await found(f"user_id={str(other).upper()}") == ["c"]
    assert await found(f"user_id={other.hex}") == ["c"]
    assert await found("request_id=a") == ["a"]
    assert await found("template_code=welcome") == ["a", "b", "c"]
    assert await found("status=sent") == []
    assert await found("from=2100-01-01T00:00:00Z") == []
    assert await found("to=2100-01-01T00:00:00Z") == ["a", "b", "c"]
    assert await found("request_id=%27%3B--") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=lost", "status"),
        ("notification_type=fax", "notification_type"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("page=0", "page"),
        ("from=yesterday", "from"),
        ("cursor=nonsense", "cursor"),
        ("request_id=%00", "request_id"),
    ],
)
async def test_a_bad_query_is_a_400_that_names_it(world: World, query: str, field: str) -> None:
    answer = await world.client.get(f"{PATH}?{query}")
    assert (answer.status_code, fields_of(answer)) == (400, [field])


async def test_a_scheduled_one_can_be_cancelled(world: World) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    url = (await world.send(send_at=later)).json()["data"]["status_url"]
    answer = await world.client.post(f"{url}/cancel")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["status"], data["delivery_status"], data["reason"]["code"]) == ("cancelled", "failed", "cancelled")
    assert [e["event"] for e in (await world.client.get(f"{url}/events")).json()["data"]][-1] == "cancelled"
    labels = {"channel": "email", "status": "cancelled"}
    assert world.metrics.registry.get_sample_value("angarium_notifications_finished_total", labels) == 1


async def test_one_that_is_sent_or_cancelled_cannot_be_cancelled(world: World) -> None:
    done = await sent(world)
    answer = await world.client.post(f"{PATH}/{done}/cancel")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict")
    pending = (await world.send(request_id="other")).json()["data"]["status_url"]
    assert (await world.client.post(f"{pending}/cancel")).status_code == 200
    assert (await world.client.post(f"{pending}/cancel")).status_code == 409


async def test_a_report_of_delivery_is_applied_once(world: World) -> None:
    notification_id = await sent(world)
    report = {"notification_id": notification_id, "status": "delivered", "timestamp": "2026-11-20T09:00:00Z"}
    assert (await world.client.post("/api/v1/email/status", json=report)).status_code == 200
    shown = await view(world, notification_id)
    assert (shown["status"], shown["delivery_status"]) == ("delivered", "delivered")
    late = {"notification_id": notification_id, "status": "failed"}
    assert (await world.client.post("/api/v1/email/status", json=late)).status_code == 409
    assert (await view(world, notification_id))["status"] == "delivered"


async def test_a_bounce_fails_it_without_a_dead_letter(world: World) -> None:
    notification_id = await sent(world)
    report = {"notification_id": notification_id, "status": "failed", "error": "mailbox full"}
    assert (await world.client.post("/api/v1/email/status", json=report)).status_code == 200
    shown = await view(world, notification_id)
    assert (shown["status"], shown["reason"]["message"]) == ("failed", "mailbox full")
    assert (await world.client.get("/api/v1/dead-letters")).json()["data"] == []


async def test_a_report_about_nothing_is_a_404(world: World) -> None:
    report = {"notification_id": str(uuid4()), "status": "delivered"}
    assert (await world.client.post("/api/v1/sms/status", json=report)).status_code == 404


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.NOTIFICATIONS_SEND, "GET", PATH),
        (Scope.NOTIFICATIONS_SEND, "GET", f"{PATH}/{NOBODYS}"),
        (Scope.NOTIFICATIONS_SEND, "GET", f"{PATH}/{NOBODYS}/events"),
        (Scope.NOTIFICATIONS_READ, "POST", PATH),
        (Scope.NOTIFICATIONS_READ, "POST", f"{PATH}/{NOBODYS}/cancel"),
    ],
)
async def test_scopes(world: World, scope: Scope, method: str, path: str) -> None:
    key = await world.key(scope)
    body = world.body() if path == PATH and method == "POST" else None
    answer = await world.client.request(method, path, headers=key, json=body)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "forbidden")


async def test_a_method_that_is_not_there_is_a_405(world: World) -> None:
    answer = await world.client.delete(PATH)
    assert (answer.status_code, error_of(answer)["code"]) == (405, "method_not_allowed")


async def test_a_path_that_is_not_there_is_a_404(world: World) -> None:
    answer = await world.client.get("/api/v1/nothing")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
