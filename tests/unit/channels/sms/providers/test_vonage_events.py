"""Vonage's webhooks, which its own SDK verifies in the same way."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from vonage_jwt.verify_jwt import verify_signature  # type: ignore[import-untyped]  # the SDK has no types

from angarium.channels.sms.providers.vonage_events import VonageEvents
from angarium.notifications.receipt import ReceiptKind
from tests.support.clock import ManualClock
from tests.support.provider_events import SECRET, vonage
from tests.unit.channels.conftest import Make, kinds, posted, refuses

REFERENCE = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
URL = f"vonage://KEY:S@14155550100?webhook_key={SECRET}"


def status(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "to": "14155550123",
        "from": "14155550100",
        "timestamp": "2026-11-20T08:59:58Z",
        "status": name,
        "client_ref": REFERENCE,
        **fields,
    }


async def test_a_status_becomes_a_receipt(make: Make, clock: ManualClock) -> None:
    signed = vonage(status("delivered"), clock.now())
    assert verify_signature(signed[0]["authorization"].removeprefix("Bearer "), SECRET)
    [receipt] = (await make(VonageEvents.of, URL).read(posted(signed))).receipts
    assert (receipt.kind, receipt.address, receipt.notification_id) == (
        ReceiptKind.DELIVERED,
        "+14155550123",
        UUID(REFERENCE),
    )
    assert receipt.at == clock.now() - timedelta(seconds=2)


async def test_an_incoming_message_is_a_reply(make: Make, clock: ManualClock) -> None:
    event = {"channel": "sms", "message_uuid": "u", "from": "14155550123", "to": "1", "text": "STOP"}
    read = await make(VonageEvents.of, URL).read(posted(vonage(event, clock.now())))
    assert [(reply.number, reply.text) for reply in read.replies] == [("+14155550123", "STOP")]


async def test_what_is_not_signed_now_over_this_body_is_refused(make: Make, clock: ManualClock) -> None:
    source = make(VonageEvents.of, URL)
    headers, body = vonage(status("delivered"), clock.now())
    assert await refuses(source, posted((headers, body + b" ")))
    assert await refuses(source, posted(({"authorization": "Bearer x"}, body)))
    assert await refuses(source, posted(({}, body)))
    assert await refuses(source, posted(vonage(status("delivered"), clock.now() - timedelta(minutes=6))))
    assert await refuses(source, posted(vonage(status("delivered"), clock.now(), iat="now")))
    assert await refuses(source, posted(vonage(status("delivered"), clock.now(), payload_hash=None)))
    assert await refuses(make(VonageEvents.of, "vonage://KEY:S@14155550100"), posted((headers, body)))


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("rejected", 1240, [ReceiptKind.HARD_BOUNCE]),
        ("undeliverable", 1180, [ReceiptKind.SOFT_BOUNCE]),
        ("rejected", 1210, [ReceiptKind.BLOCKED]),
        ("rejected", 1330, [ReceiptKind.BLOCKED]),
        ("submitted", 0, []),
        ("read", 0, [ReceiptKind.DELIVERED]),
    ],
)
@pytest.mark.parametrize("form", ["title", "type"])
async def test_kinds(
    make: Make, clock: ManualClock, name: str, code: int, expected: list[ReceiptKind], form: str
) -> None:
    link = f"https://developer.vonage.com/api-errors/messages#{code}"
    error = {"title": str(code)} if form == "title" else {"type": link}
    assert await kinds(make(VonageEvents.of, URL), vonage(status(name, error=error), clock.now())) == expected
