"""Twilio's callbacks and incoming messages, signed by its own SDK."""

from uuid import UUID

import pytest

from angarium.channels.receiving import Unreadable
from angarium.channels.sms.providers.twilio_events import NO_ANSWER, TwilioEvents
from angarium.notifications.receipt import ReceiptKind
from tests.support.provider_events import AUTH_TOKEN, twilio
from tests.unit.channels.conftest import ADDRESS, Make, kinds, posted, refuses

REFERENCE = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
URL = f"twilio://AC0123:{AUTH_TOKEN}@+15005550006"
STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155550123", "From": "+15005550006"}


async def test_a_status_callback_becomes_a_receipt(make: Make) -> None:
    source, url = make(TwilioEvents.of, URL), f"{ADDRESS}?notification_id={REFERENCE}"
    read = await source.read(posted(twilio(url, STATUS), url, notification_id=REFERENCE))
    [receipt] = read.receipts
    assert (receipt.kind, receipt.address) == (ReceiptKind.DELIVERED, "+14155550123")
    assert (receipt.notification_id, receipt.provider_message_id) == (UUID(REFERENCE), "SM1")
    assert (read.answer, read.media_type) == (NO_ANSWER, "text/xml")


async def test_an_incoming_message_is_a_reply_and_no_receipt(make: Make) -> None:
    fields = {"MessageSid": "SM2", "SmsStatus": "received", "From": "+14155550123", "To": "+15", "Body": "Stop ✋"}
    read = await make(TwilioEvents.of, URL).read(posted(twilio(ADDRESS, fields)))
    assert [(reply.number, reply.text) for reply in read.replies] == [("+14155550123", "Stop ✋")]
    assert (list(read.receipts), read.answer) == ([], NO_ANSWER)


async def test_an_own_word_means_what_advanced_opt_out_says(make: Make) -> None:
    fields = {"MessageSid": "SM3", "From": "+14155550123", "To": "+15", "Body": "Arrêt", "OptOutType": "STOP"}
    read = await make(TwilioEvents.of, URL).read(posted(twilio(ADDRESS, fields)))
    assert [reply.text for reply in read.replies] == ["STOP"]


@pytest.mark.parametrize("called", [ADDRESS, ADDRESS.replace(".com", ".com:443"), ADDRESS.replace(".com", ".com:8443")])
async def test_the_port_of_the_url_may_be_missing_or_there(make: Make, called: str) -> None:
    """Twilio signs a URL with its port or without it."""
    source = make(TwilioEvents.of, URL)
    assert not await refuses(source, posted(twilio(ADDRESS, STATUS), called))


async def test_another_url_token_or_field_is_refused(make: Make) -> None:
    headers, body = twilio(ADDRESS, STATUS)
    source = make(TwilioEvents.of, URL)
    assert await refuses(source, posted((headers, body), "https://evil.example/webhooks/twilio/token"))
    assert await refuses(source, posted((headers, body + b"&ErrorCode=30005")))
    assert await refuses(source, posted(({}, body)))
    assert await refuses(make(TwilioEvents.of, "twilio://AC0123:other@+15005550006"), posted((headers, body)))


async def test_an_api_key_signs_nothing_so_the_auth_token_is_the_webhook_key(make: Make) -> None:
    url = f"twilio://SK0123:{AUTH_TOKEN}@+15005550006?account=AC0123"
    signed = posted(twilio(ADDRESS, STATUS))
    assert await refuses(make(TwilioEvents.of, url), signed)
    assert not await refuses(make(TwilioEvents.of, f"{url}&webhook_key={AUTH_TOKEN}"), signed)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("undelivered", "30005", [ReceiptKind.HARD_BOUNCE]),
        ("undelivered", "30006", [ReceiptKind.HARD_BOUNCE]),
        ("undelivered", "30003", [ReceiptKind.SOFT_BOUNCE]),
        ("undelivered", "30007", [ReceiptKind.BLOCKED]),
        ("undelivered", "30032", [ReceiptKind.BLOCKED]),
        ("undelivered", "30034", [ReceiptKind.BLOCKED]),
        ("failed", "30008", [ReceiptKind.BLOCKED]),
        ("failed", "21610", [ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT]),
        ("failed", "", [ReceiptKind.BLOCKED]),
        ("read", "", [ReceiptKind.DELIVERED]),
        ("sent", "", []),
        ("queued", "", []),
    ],
)
async def test_kinds(make: Make, status: str, code: str, expected: list[ReceiptKind]) -> None:
    fields = {**STATUS, "MessageStatus": status, "ErrorCode": code}
    assert await kinds(make(TwilioEvents.of, URL), twilio(ADDRESS, fields)) == expected


async def test_a_form_without_a_message_is_unreadable(make: Make) -> None:
    with pytest.raises(Unreadable):
        await make(TwilioEvents.of, URL).read(posted(twilio(ADDRESS, {"MessageStatus": "delivered"})))
