"""Lists: filters, pages and cursors."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name

NOTIFICATIONS = "/api/v1/notifications"


async def _five(system: System) -> tuple[Json, list[str]]:
    user, template = await system.create_user(), await system.create_template()
    body = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
    ids = [(await system.send(**body))["notification_id"] for _ in range(4)]
    ids.append((await system.send(**body, send_at="2030-01-01T00:00:00Z"))["notification_id"])
    for notification_id in ids[:4]:
        await system.wait_for(notification_id, "sent")
    return body, ids


async def test_a_list_can_be_filtered(system: System) -> None:
    body, ids = await _five(system)
    mine = {"template_code": body["template_code"]}
    now = datetime.now(UTC)
    earlier, later = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    for filters, expected in [
        (mine, 5),
        ({"user_id": body["user_id"]}, 5),
        ({**mine, "status": "sent"}, 4),
        ({**mine, "status": "scheduled"}, 1),
        ({**mine, "notification_type": "email"}, 5),
        ({**mine, "notification_type": "sms"}, 0),
        ({**mine, "from": earlier, "to": later}, 5),
        ({**mine, "from": later}, 0),
        ({**mine, "to": earlier}, 0),
        ({"request_id": (await system.status(ids[0]))["request_id"]}, 1),
        ({"template_code": "';--"}, 0),
    ]:
        assert await system.count(**filters) == expected, filters


async def test_pages_and_cursors_return_each_item_once_newest_first(system: System) -> None:
    body, ids = await _five(system)
    mine = {"template_code": body["template_code"], "limit": 2}
    paged: list[str] = []
    for page in (1, 2, 3):
        answer = (await system.client.get(NOTIFICATIONS, params={**mine, "page": page})).json()
        assert (
            answer["meta"].items()
            >= {
                "total": 5,
                "limit": 2,
                "page": page,
                "total_pages": 3,
                "has_next": page < 3,
                "has_previous": page > 1,
            }.items()
        )
        paged += [row["notification_id"] for row in answer["data"]]
    assert paged == ids[::-1]
    assert sorted(await system.listed(template_code=body["template_code"])) == sorted(ids)


async def _paths(system: System) -> list[str]:
    """The path of every list of the API. Each list that can be filled here has at least two items."""
    user, template = await system.create_user(), await system.create_template()
    devices, versions = f"/api/v1/users/{user['user_id']}/devices", f"/api/v1/templates/{template['code']}/versions"
    for number in range(2):
        await system.create_user()
        await system.client.post("/api/v1/keys", json={"name": new_name("key"), "scopes": ["notifications:read"]})
        await system.client.post("/api/v1/tenants", json={"tenant": new_name("tenant").lower()})
        await system.client.post("/api/v1/suppressions", json={"channel": "email", "address": new_email()})
        await system.client.post(devices, json={"platform": "fcm", "token": f"{new_name('token')}-{number}"})
        await system.client.post(f"{versions}", json={"content": f"<p>{number}</p>"})
    sent = await system.deliver(
        user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada"},
        callback_url="http://127.0.0.1:9/never",
    )  # fmt: skip
    one = f"{NOTIFICATIONS}/{sent['notification_id']}"
    lists = "users templates keys tenants suppressions audit dead-letters providers operators notifications"
    return [devices, versions, f"{one}/events", f"{one}/callbacks", *(f"/api/v1/{name}" for name in lists.split())]


async def test_every_list_has_pages_and_cursors(system: System) -> None:
    for path in await _paths(system):
        first = (await system.client.get(path, params={"limit": 1})).json()
        assert first["meta"]["limit"] == 1, path
        assert first["meta"]["total"] >= len(first["data"]), path
        assert (first["meta"]["next_cursor"] is not None) is first["meta"]["has_next"], path
        for bad in ({"limit": 101}, {"page": 0}, {"cursor": "nonsense"}):
            answer = await system.client.get(path, params=bad)
            assert [detail["field"] for detail in answer.json()["error"]["details"]] == list(bad), (path, bad)
        if first["meta"]["has_next"]:
            by_cursor = await system.client.get(path, params={"limit": 1, "cursor": first["meta"]["next_cursor"]})
            second = by_cursor.json()
            assert (second["meta"]["total"], second["meta"]["has_previous"]) == (None, True), path
            assert len(second["data"]) == 1
            assert second["data"] != first["data"], path


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": "101"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"page": "0"}, "page"),
        ({"status": "lost"}, "status"),
        ({"from": "yesterday"}, "from"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
async def test_bad_parameters_are_named(system: System, parameters: dict[str, str], field: str) -> None:
    answer = await system.client.get(NOTIFICATIONS, params=parameters)
    assert answer.status_code == 400, answer.text
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_metadata_is_returned(system: System) -> None:
    template = await system.create_template()
    metadata = {"order": 42, "nested": {"a": [1, None, "ü"]}}
    accepted = await system.send(
        recipient={"email": new_email()},
        template_code=template["code"],
        variables={"name": "Ada"},
        metadata=metadata,
        request_id=new_name("ü"),
    )
    assert (await system.status(accepted["notification_id"]))["metadata"] == metadata
