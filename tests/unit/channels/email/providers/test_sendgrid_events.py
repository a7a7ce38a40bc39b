"""SendGrid's signed event webhook."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sendgrid.helpers.eventwebhook import EventWebhook

from angarium.channels.email.providers.sendgrid_events import SendGridEvents
from angarium.channels.receiving import Unreadable
from angarium.notifications.receipt import ReceiptKind
from tests.support.provider_events import sendgrid, sendgrid_webhook_key
from tests.unit.channels.conftest import Make, kinds, posted, refuses

REFERENCE = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
URL = "sendgrid://KEY@api?webhook_key="


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": "ada@example.com",
        "timestamp": 1_790_000_000,
        "event": name,
        "sg_event_id": f"id-{name}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **fields,
    }


async def test_a_batch_becomes_receipts(make: Make) -> None:
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    bounce = event("bounce", status="5.1.1", reason="550 5.1.1 <ada@example.com>: no such user", type="bounce")
    delivery = event("delivered", notification_id=REFERENCE)
    read = await source.read(posted(sendgrid(event("processed"), delivery, bounce, event("open"), {"no": "event"})))
    delivered, bounced = read.receipts
    assert read.unreadable == 1
    assert (delivered.kind, delivered.at) == (ReceiptKind.DELIVERED, datetime.fromtimestamp(1_790_000_000, UTC))
    assert (delivered.notification_id, delivered.provider_message_id) == (UUID(REFERENCE), "14c5d75ce93")
    assert (bounced.kind, bounced.address, bounced.provider) == (ReceiptKind.HARD_BOUNCE, "ada@example.com", "mine")
    assert bounced.reason == "5.1.1 550 <[hidden]>: no such user"


async def test_our_own_verification_and_sendgrids_agree(make: Make) -> None:
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    headers, body = sendgrid(event("delivered"))
    signature = headers["x-twilio-email-event-webhook-signature"]
    theirs = EventWebhook(sendgrid_webhook_key())
    for changed in (body, body.replace(b"ada", b"eve")):
        accepted = theirs.verify_signature(changed.decode(), signature, "1600112502")
        assert accepted is not await refuses(source, posted((headers, changed)))


@pytest.mark.parametrize(
    "changes",
    [
        {"x-twilio-email-event-webhook-timestamp": "1600112503"},
        {"x-twilio-email-event-webhook-signature": ""},
        {"x-twilio-email-event-webhook-signature": "not base64"},
        {"x-twilio-email-event-webhook-timestamp": "é"},
    ],
)
async def test_a_signature_of_something_else_is_refused(make: Make, changes: dict[str, str]) -> None:
    headers, body = sendgrid(event("delivered"))
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    assert await refuses(source, posted(({**headers, **changes}, body)))
    assert await refuses(make(SendGridEvents.of, "sendgrid://KEY@api"), posted((headers, body)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "bounce", "type": "blocked", "reason": "550 rejected, no such user"}, [ReceiptKind.BLOCKED]),
        (
            {"event": "bounce", "type": "blocked", "reason": "mailbox full", "status": "5.2.2"},
            [ReceiptKind.SOFT_BOUNCE],
        ),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Reputation"}, [ReceiptKind.BLOCKED]),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, [ReceiptKind.HARD_BOUNCE]),
        ({"event": "bounce", "type": "bounce", "status": "5.7.1", "reason": "dmarc"}, [ReceiptKind.BLOCKED]),
        ({"event": "dropped", "reason": "Bounced Address"}, [ReceiptKind.HARD_BOUNCE]),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, [ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT]),
        ({"event": "dropped", "reason": "Spam Content"}, [ReceiptKind.BLOCKED]),
        ({"event": "spamreport"}, [ReceiptKind.COMPLAINED]),
        ({"event": "group_unsubscribe"}, [ReceiptKind.OPTED_OUT]),
        ({"event": "deferred", "response": "451 later"}, [ReceiptKind.DEFERRED]),
        ({"event": "click"}, []),
    ],
)
async def test_kinds(make: Make, fields: dict[str, Any], expected: list[ReceiptKind]) -> None:
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    assert await kinds(source, sendgrid({**event("x"), **fields})) == expected


async def test_a_repeated_event_has_the_same_key_with_and_without_an_id(make: Make) -> None:
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    for one in (event("delivered"), event("delivered", sg_event_id=None)):
        first, second = (await source.read(posted(sendgrid(one, dict(one))))).receipts
        assert first.key == second.key
    bare = event("bounce", sg_event_id=None, type="bounce", status="5.1.1")
    first, second = (await source.read(posted(sendgrid(bare, {**bare, "email": "eve@example.com"})))).receipts
    assert first.key != second.key


@pytest.mark.parametrize("body", [b"{}", b"not json", b'"text"'])
async def test_a_body_of_another_kind_is_unreadable(make: Make, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(SendGridEvents.of, URL + sendgrid_webhook_key())
    monkeypatch.setattr(source, "_verify", lambda _posted: None)
    with pytest.raises(Unreadable):
        await source.read(posted(({}, body)))


@pytest.mark.parametrize("key", ["abc", "bm90IGEga2V5"])
def test_an_invalid_key_stops_the_start(make: Make, key: str) -> None:
    with pytest.raises(ValueError, match="webhook_key"):
        make(SendGridEvents.of, URL + key)
