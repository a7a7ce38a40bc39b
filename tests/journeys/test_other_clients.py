"""Clients written for other notification systems, which have their own field names and conventions."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.callbacks import SECRET, verified
from tests.support.endpoint import endpoint
from tests.support.system import EmbeddedSystem, System, running
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

ERROR = ("code", "message", "details", "correlation_id")


@asynccontextmanager
async def client_of(base_url: str, key: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that knows only a base URL and a key, which it sends as a bearer token."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
async def other(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(f"{system.url}/api/v1", system.key) as client:
        yield client


async def _done(client: httpx2.AsyncClient, path: str, **wanted: str) -> Json:
    async def there() -> Json | None:
        found: Json = (await client.get(path)).json()["data"]
        return found if wanted.items() <= found.items() else None

    found = await until(there, 20, message=f"{path} says {wanted}")
    assert found is not None
    return found


async def test_health_checks_below_the_base_url_need_no_key(system: System) -> None:
    for below in ("", "/api", "/api/v1"):
        async with client_of(f"{system.url}{below}", "") as client:
            assert (await client.get("/health")).json()["status"] == "healthy"
            assert (await client.get("/ready/")).json()["status"] == "ready"


async def test_a_client_with_other_field_names_sends_a_mail(other: httpx2.AsyncClient, system: System) -> None:
    address, code = new_email(), new_name("code").lower()
    body = {"name": "Ann", "email": address, "preferences": {"email": True, "push": True}}
    user = (await other.post("/users", json=body)).json()["data"]
    template = {
        "template_code": code,
        "name": code,
        "type": "email",
        "subject": "Hello {{name}}",
        "body": "<p>Hello {{name}}</p>",
        "variables": ["name"],
    }
    made = await other.post("/templates", json=template)
    assert (made.status_code, made.json()["data"]["channel"]) == (201, "email"), made.text
    message = {
        "notification_type": "email",
        "user_id": user["id"],
        "template_code": code,
        "variables": {"name": "Ann"},
    }
    key = {"Idempotency-Key": new_name("key")}
    first, again = [await other.post("/notifications/", json=message, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (202, 202, "true")
    sent = first.json()["data"]
    assert (sent["notification_id"], sent["request_id"]) == (
        again.json()["data"]["notification_id"],
        key["Idempotency-Key"],
    )
    await _done(other, f"/notifications/{sent['notification_id']}/status", delivery_status="delivered")
    [mail] = system.sink.mails_to(address)
    assert mail["Subject"] == "Hello Ann"


async def test_the_body_of_a_get_is_valid_for_a_put(other: httpx2.AsyncClient) -> None:
    body = {"name": "Ann", "email": new_email(), "phone": "+14155550123", "timezone": "Europe/Paris"}
    made = (await other.post("/users", json=body)).json()["data"]
    shown = (await other.get(f"/users/{made['id']}")).json()["data"]
    put = await other.put(f"/users/{made['id']}", json={**shown, "name": "Ann B."})
    assert (put.status_code, put.json()["data"]["name"], put.json()["data"]["phone"]) == (200, "Ann B.", "+14155550123")


async def test_without_an_idempotency_key_every_call_sends_a_notification(other: httpx2.AsyncClient) -> None:
    message = {
        "notification_type": "email",
        "recipient": {"email": new_email()},
        "template_code": "_verification",
        "variables": {"username": "ann", "verification_link": "https://shop.example/v"},
    }
    answers = [await other.post("/notifications", json=message) for _ in range(2)]
    assert len({answer.json()["data"]["request_id"] for answer in answers}) == 2
    both = {"Idempotency-Key": "a"}
    refused = await other.post("/notifications", json={**message, "request_id": "b"}, headers=both)
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "request_id")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/notifications?type=email", 400),
        ("GET", "/templates?type=email", 400),
        ("GET", "/users?stat=x", 400),
        ("POST", "/notifications", 400),
        ("DELETE", "/notifications", 405),
        ("GET", "/templates/absent", 404),
    ],
)
async def test_an_error_message_is_in_both_places(
    other: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await other.request(method, path, json={} if method == "POST" else None)
    body = answer.json()
    assert (answer.status_code, set(body["error"])) == (status, set(ERROR))
    assert body["error"]["message"] == body["message"]


async def test_the_users_and_templates_services_serve_the_public_paths(system: System) -> None:
    for name in ("users", "templates"):
        base = system.address(name) if name in system.ports else system.url
        async with client_of(f"{base}/api/v1", system.key) as client:
            assert (await client.get("/health")).status_code == 200
            for path in (f"/{name}", f"/{name}/"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["success"]) == (200, True)
            assert (await client.get(f"/{name}?stat=x")).status_code == 400


async def test_templates_can_be_searched(other: httpx2.AsyncClient) -> None:
    code, category = new_name("find").lower(), new_name("cat").lower()
    for suffix, channel in (("mail", "email"), ("text", "sms")):
        body = {"code": f"{code}-{suffix}", "type": channel, "subject": "x", "content": "x", "category": category}
        if channel == "sms":
            del body["subject"]
        assert (await other.post("/templates", json=body)).status_code == 201

    async def found(**query: str) -> list[str]:
        return [template["code"] for template in (await other.get("/templates", params=query)).json()["data"]]

    assert await found(category=category) == [f"{code}-mail", f"{code}-text"]
    assert await found(category=category, channel="sms") == [f"{code}-text"]
    assert await found(search=f"{code.upper()}-MAIL") == [f"{code}-mail"]


async def test_a_camel_case_client_can_query_its_mail(system: System) -> None:
    user, address = new_name("user"), new_email()
    body = {"email": address, "subject": "Your bill", "htmlContent": "<p>Pay</p>", "userId": user}
    async with client_of(system.url, system.key) as client:
        answer = (await client.post("/api/notifications/send", json=body)).json()
        assert answer["statusUrl"] == f"/api/notifications/{answer['notificationId']}"
        view = await _done(client, answer["statusUrl"], status="sent")
        assert (view["userId"], view["errorMessage"], view["retryCount"]) == (user, None, 0)
        assert (view["createdAt"], view["sentAt"]) == (view["created_at"], view["sent_at"])
        stats = (await client.get(f"/api/notifications/user/{user}/stats")).json()["data"]
        assert (stats["total"], stats["sent"], stats["pending"], stats["failed"]) == (1, 1, 0, 0)
    assert len(system.sink.to(address)) == 1


async def test_a_long_list_reports_that_its_total_is_capped(other: httpx2.AsyncClient) -> None:
    code = new_name("many").lower()
    assert (await other.post("/templates", json={"code": code, "subject": "x", "content": "x"})).status_code == 201
    later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    recipients = [{"recipient": {"email": "a@shop.example"}, "send_at": later}] * 1000
    bulk = {"notification_type": "email", "template_code": code, "recipients": recipients}
    for _ in range(10):
        answer = (await other.post("/notifications/bulk", json=bulk)).json()
        assert (answer["data"]["accepted"], answer["message"]) == (1000, "Notifications accepted")
    path = f"/notifications?template_code={code}&limit=100"
    exact = (await other.get(path)).json()["meta"]
    assert (exact["total"], exact.get("total_capped", False)) == (10_000, False)
    assert (await other.post("/notifications/bulk", json={**bulk, "recipients": recipients[:1]})).status_code == 202
    capped = (await other.get(path)).json()["meta"]
    assert (capped["total"], capped["total_capped"], capped["has_next"]) == (10_000, True, True)
    following = (await other.get(f"{path}&cursor={capped['next_cursor']}")).json()
    assert (following["meta"]["total"], len(following["data"])) == (None, 100)


async def test_a_bulk_without_an_accepted_item_reports_it(other: httpx2.AsyncClient) -> None:
    answer = await other.post("/notifications/bulk", json={"notifications": [{"notification_type": "email"}]})
    assert (answer.status_code, answer.json()["message"]) == (202, "No notification accepted")


@pytest.fixture
def calling_back(tmp_path: Path, sink: SmtpSink) -> Iterator[EmbeddedSystem]:
    settings = {"CALLBACK_SECRET": SECRET, "CALLBACK_ALLOW": "127.0.0.0/8"}
    with running(EmbeddedSystem(tmp_path / "calling-back", sink=sink, settings=settings)) as started:
        yield started


@pytest.mark.slow
async def test_callbacks_use_the_naming_style_of_their_request(calling_back: EmbeddedSystem) -> None:
    user = new_name("user")
    async with endpoint() as hook, client_of(f"{calling_back.url}/api/notifications", calling_back.key) as client:
        for body in (
            {"userId": user, "callbackUrl": hook.url("/camel")},
            {"user_id": user, "callback_url": hook.url("/snake")},
        ):
            answer = await client.post("/send", json={"email": new_email(), "subject": "x", "message": "x", **body})
            assert answer.status_code == 202, answer.text
        await until(lambda: len(hook.received) == 2, 20)
    said: dict[str, Any] = {received.target: verified(received) for received in hook.received}
    camel, snake = said["/camel"], said["/snake"]
    assert (camel["userId"], camel["notificationId"]) == (camel["user_id"], camel["notification_id"])
    assert (camel["user_id"], snake["user_id"], "userId" in snake) == (user, user, False)
