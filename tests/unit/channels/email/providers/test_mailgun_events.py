"""Mailgun's webhooks."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from angarium.channels.email.providers.mailgun_events import MailgunEvents
from angarium.notifications.receipt import ReceiptKind
from tests.support.clock import ManualClock
from tests.support.provider_events import SECRET, mailgun
from tests.unit.channels.conftest import Make, kinds, posted, refuses

REFERENCE = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
URL = f"mailgun://KEY@mg.example.com?webhook_key={SECRET}"


def event(name: str, **fields: Any) -> dict[str, Any]:
    headers = {"message-id": f"{REFERENCE}@mg.example.com", "to": "Ada <ada@example.com>"}
    return {
        "id": f"id-{name}",
        "event": name,
        "timestamp": 1_790_000_000.25,
        "recipient": "ada@example.com",
        "message": {"headers": headers},
        "user-variables": {"notification_id": REFERENCE},
        **fields,
    }


async def test_an_event_becomes_a_receipt(make: Make, clock: ManualClock) -> None:
    status = {"code": 550, "enhanced-code": "5.1.1", "message": "<ada@example.com> unknown", "bounce-type": "hard"}
    failed = event("failed", severity="permanent", reason="bounce", **{"delivery-status": status})
    [receipt] = (await make(MailgunEvents.of, URL).read(posted(mailgun(failed, clock.now())))).receipts
    assert (receipt.kind, receipt.address) == (ReceiptKind.HARD_BOUNCE, "ada@example.com")
    assert (receipt.notification_id, receipt.provider_message_id) == (UUID(REFERENCE), f"{REFERENCE}@mg.example.com")
    assert "ada" not in receipt.reason


async def test_a_message_id_of_ours_is_a_reference_too(make: Make, clock: ManualClock) -> None:
    bare = event("delivered", **{"user-variables": {}})
    [receipt] = (await make(MailgunEvents.of, URL).read(posted(mailgun(bare, clock.now())))).receipts
    assert receipt.notification_id == UUID(REFERENCE)


@pytest.mark.parametrize("hours", [-1, 25])
async def test_an_old_or_future_signature_is_refused(make: Make, clock: ManualClock, hours: int) -> None:
    source = make(MailgunEvents.of, URL)
    assert not await refuses(source, posted(mailgun(event("delivered"), clock.now() - timedelta(hours=8))))
    assert await refuses(source, posted(mailgun(event("delivered"), clock.now() - timedelta(hours=hours))))


async def test_another_key_or_no_key_is_refused(make: Make, clock: ManualClock) -> None:
    signed = mailgun(event("delivered"), clock.now())
    assert await refuses(make(MailgunEvents.of, f"{URL}x"), posted(signed))
    assert await refuses(make(MailgunEvents.of, "mailgun://KEY@mg.example.com"), posted(signed))
    for body in (b"{}", b"[]", b'{"signature": 1}', b'{"signature": {"timestamp": 5, "token": [], "signature": "x"}}'):
        assert await refuses(make(MailgunEvents.of, URL), posted(({}, body)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "failed", "severity": "temporary", "reason": "generic"}, [ReceiptKind.DEFERRED]),
        ({"event": "failed", "severity": "permanent", "reason": "old"}, [ReceiptKind.SOFT_BOUNCE]),
        ({"event": "failed", "severity": "permanent", "reason": "suppress-bounce"}, [ReceiptKind.HARD_BOUNCE]),
        ({"event": "failed", "severity": "permanent", "reason": "espblock"}, [ReceiptKind.BLOCKED]),
        (
            {"event": "failed", "severity": "permanent", "reason": "suppress-complaint"},
            [ReceiptKind.BLOCKED, ReceiptKind.COMPLAINED],
        ),
        ({"event": "complained"}, [ReceiptKind.COMPLAINED]),
        ({"event": "unsubscribed"}, [ReceiptKind.OPTED_OUT]),
        ({"event": "rejected", "reject": {"reason": "sandbox"}}, [ReceiptKind.BLOCKED]),
        ({"event": "accepted"}, []),
        ({"event": "opened"}, []),
    ],
)
async def test_kinds(make: Make, clock: ManualClock, fields: dict[str, Any], expected: list[ReceiptKind]) -> None:
    assert await kinds(make(MailgunEvents.of, URL), mailgun({**event("x"), **fields}, clock.now())) == expected
