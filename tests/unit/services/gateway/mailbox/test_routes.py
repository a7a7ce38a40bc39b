from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from angarium.contracts.mailbox import CaughtMessage
from angarium.contracts.statuses import Channel
from tests.support.mailbox_gateway import SERVICE_TOKEN, MailboxGateway, mailbox_gateway

LIST = "/api/v1/mailbox/messages"
HAND_IN = "/internal/v1/mailbox/messages"
NAMES = {
    "id", "channel", "to", "from", "subject", "title", "text", "html", "headers", "notification_id", "received_at",
    "attachments", "push", "image", "link", "segments", "encoding",
}  # fmt: skip


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[MailboxGateway]:
    async with mailbox_gateway(tmp_path) as made:
        yield made


async def fill(gateway: MailboxGateway, count: int = 3, tenant: str = "default", **values: Any) -> None:
    base: dict[str, Any] = {"channel": Channel.EMAIL, "to": "a@x.test", "html": "<script>x</script>"}
    await gateway.store.add(tenant, [CaughtMessage(**{**base, "subject": f"s{n}", **values}) for n in range(count)])


async def get(gateway: MailboxGateway, path: str, *, key: str | None = "reader") -> tuple[int, Any]:
    async with gateway.client(key=key) as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


async def test_the_list_is_as_the_contract_says(gateway: MailboxGateway) -> None:
    await fill(gateway)
    status, body = await get(gateway, f"{LIST}?limit=2")
    assert status == 200
    assert body["success"] is True
    assert body["error"] is None
    assert [set(one) for one in body["data"]] == [NAMES] * 2
    assert [one["subject"] for one in body["data"]] == ["s2", "s1"]
    assert body["data"][0]["received_at"].endswith("Z")
    assert (body["meta"]["total"], body["meta"]["limit"], body["meta"]["total_pages"]) == (3, 2, 2)


async def test_filters_and_limits(gateway: MailboxGateway) -> None:
    await fill(gateway, 1)
    await fill(gateway, 1, channel=Channel.SMS, to="+14155550123")
    assert (await get(gateway, f"{LIST}?channel=sms"))[1]["meta"]["total"] == 1
    assert (await get(gateway, f"{LIST}?to=A@x.test"))[1]["meta"]["total"] == 1
    assert (await get(gateway, f"{LIST}?to=%2B14155550123"))[1]["meta"]["total"] == 1
    assert (await get(gateway, f"{LIST}?to=+14155550123"))[1]["meta"]["total"] == 1
    assert (await get(gateway, f"{LIST}?limit=1000"))[0] == 200
    for wrong in ("limit=0", "limit=1001", "channel=fax", "limit=x"):
        status, body = await get(gateway, f"{LIST}?{wrong}")
        assert (status, body["error"]["code"]) == (400, "validation_error")


async def test_one_message(gateway: MailboxGateway) -> None:
    await fill(gateway, 1)
    _, listed = await get(gateway, LIST)
    status, body = await get(gateway, f"{LIST}/{listed['data'][0]['id']}")
    assert (status, body["data"]) == (200, listed["data"][0])
    status, body = await get(gateway, f"{LIST}/{uuid4()}")
    assert (status, body["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("wrong", 401), ("sender", 403), ("admin", 200)])
async def test_reading_needs_the_scope(gateway: MailboxGateway, key: str | None, status: int) -> None:
    assert (await get(gateway, LIST, key=key))[0] == status


@pytest.mark.parametrize(("key", "status", "left"), [(None, 401, 3), ("reader", 403, 3), ("admin", 200, 0)])
async def test_emptying_is_the_administrators(gateway: MailboxGateway, key: str | None, status: int, left: int) -> None:
    await fill(gateway)
    async with gateway.client(key=key) as client:
        assert (await client.delete(LIST)).status_code == status
    assert (await get(gateway, LIST))[1]["meta"]["total"] == left


async def test_another_tenants_mail_is_not_there(gateway: MailboxGateway) -> None:
    await fill(gateway)
    _, listed = await get(gateway, LIST)
    assert (await get(gateway, LIST, key="stranger"))[1]["meta"]["total"] == 0
    assert (await get(gateway, f"{LIST}/{listed['data'][0]['id']}", key="stranger"))[0] == 404
    async with gateway.client(key="stranger") as client:
        await client.delete(LIST)
    assert (await get(gateway, LIST))[1]["meta"]["total"] == 3


async def test_services_hand_in_one_or_many(gateway: MailboxGateway) -> None:
    one = {"channel": "push", "to": "token123", "title": "t", "text": "b", "notification_id": str(uuid4())}
    headers = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "default"}
    async with gateway.client() as client:
        assert (await client.post(HAND_IN, json=one, headers=headers)).status_code == 201
        assert (await client.post(HAND_IN, json=[one, one], headers=headers)).status_code == 201
        assert (await client.post(HAND_IN, json=[one, {"channel": "fax"}], headers=headers)).status_code == 400
        assert (await client.post(HAND_IN, json=[one] * 1001, headers=headers)).status_code == 400
        assert (await client.post(HAND_IN, json=one)).status_code == 401
        assert (await client.post(HAND_IN, json=one, headers={"x-api-key": "admin"})).status_code == 403
    assert (await get(gateway, LIST))[1]["meta"]["total"] == 3


async def test_the_page_shows_and_empties_without_a_key(gateway: MailboxGateway) -> None:
    await fill(gateway, 2)
    await fill(gateway, 1, tenant="other")
    async with gateway.client() as client:
        page = await client.get("/mailbox")
        assert page.status_code == 200
        assert (await client.get("/mailbox/")).status_code == 200
        for asset in ("mailbox.js", "message.js", "dom.js", "mailbox.css"):
            assert (await client.get(f"/mailbox/assets/{asset}")).status_code == 200
        assert (await client.get("/mailbox/assets/mailbox.html")).status_code == 404
        assert (await client.get("/mailbox/messages")).json()["meta"]["total"] == 3
        assert (await client.delete("/mailbox/messages")).json()["data"] == {"deleted": 3}


async def test_nothing_on_the_page_comes_from_elsewhere_or_runs_inline(gateway: MailboxGateway) -> None:
    async with gateway.client() as client:
        page = await client.get("/mailbox")
        scripts = ("mailbox", "message", "dom")
        script = "".join([(await client.get(f"/mailbox/assets/{name}.js")).text for name in scripts])
    content_policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in content_policy
    assert "unsafe" not in content_policy
    assert "http" not in page.text.replace("https://", "http://").replace("http-equiv", "")
    assert "<style" not in page.text
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script


async def test_a_mail_is_shown_without_scripts_and_origin(gateway: MailboxGateway) -> None:
    await fill(gateway, 1)
    await fill(gateway, 1, channel=Channel.SMS, html=None, text="x")
    async with gateway.client() as client:
        sms, mail = (await client.get("/mailbox/messages")).json()["data"]
        shown = await client.get(f"/mailbox/messages/{mail['id']}/html")
        assert shown.text == "<script>x</script>"
        content_policy = shown.headers["content-security-policy"]
        assert content_policy.startswith("sandbox; default-src 'none'")
        assert "script-src" not in content_policy
        assert "allow-scripts" not in content_policy
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert (await client.get(f"/mailbox/messages/{sms['id']}/html")).status_code == 404


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [
        ("127.0.0.1", "localhost", 200),
        ("127.0.0.1", "127.0.0.1", 200),
        ("::1", "[::1]", 200),
        ("192.168.1.7", "localhost", 403),
        ("127.0.0.1", "evil.example", 403),
        ("unix", "localhost", 403),
    ],
)
async def test_the_page_is_for_this_machine_only(gateway: MailboxGateway, peer: str, host: str, status: int) -> None:
    async with gateway.client(peer=peer, host=host) as client:
        for path in ("/mailbox", "/mailbox/messages", "/mailbox/assets/mailbox.js"):
            assert (await client.get(path)).status_code == status, path
