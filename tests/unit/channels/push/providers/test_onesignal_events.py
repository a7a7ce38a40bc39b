"""OneSignal's event streams."""

import json
from typing import Any

import pytest

from angarium.channels.push.providers.onesignal_events import OneSignalEvents
from angarium.notifications.receipt import ReceiptKind
from tests.unit.channels.conftest import Make, kinds, posted, refuses

URL = "onesignal://APP:KEY@api?webhook_key=Bearer%20secret"
SIGNED = {"authorization": "Bearer secret"}
FLAT = {"event.kind": "message.push.received", "event.id": "e-1", "event.timestamp": 1_790_000_000, "message.id": "m-1"}
NESTED = {"event": {"kind": "message.push.received", "id": "e-1"}, "message": {"id": "m-1"}}


@pytest.mark.parametrize("body", [FLAT, NESTED])
async def test_a_confirmed_delivery_becomes_a_receipt(make: Make, body: Any) -> None:
    [receipt] = (await make(OneSignalEvents.of, URL).read(posted((SIGNED, json.dumps(body).encode())))).receipts
    assert (receipt.kind, receipt.provider_message_id) == (ReceiptKind.DELIVERED, "m-1")


async def test_another_header_is_refused(make: Make) -> None:
    body = json.dumps(FLAT).encode()
    source = make(OneSignalEvents.of, URL)
    assert await refuses(source, posted(({"authorization": "Bearer other"}, body)))
    assert await refuses(source, posted(({}, body)))
    assert not await refuses(make(OneSignalEvents.of, "onesignal://APP:KEY@api"), posted(({}, body)))


@pytest.mark.parametrize(
    ("kind", "expected"), [("message.push.failed", [ReceiptKind.BLOCKED]), ("message.push.clicked", [])]
)
async def test_kinds(make: Make, kind: str, expected: list[ReceiptKind]) -> None:
    body = json.dumps([{**FLAT, "event.kind": kind}]).encode()
    assert await kinds(make(OneSignalEvents.of, URL), (SIGNED, body)) == expected


async def test_a_body_that_the_operator_wrote_wrong_is_counted(make: Make) -> None:
    read = await make(OneSignalEvents.of, URL).read(posted((SIGNED, b'{"kind": "x"}')))
    assert (list(read.receipts), read.unreadable) == ([], 1)
