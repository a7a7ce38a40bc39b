"""Receipts and replies that a provider reports by webhooks."""

from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest

from tests.journeys.test_providers import provider_of, set_breaker
from tests.support import provider_events
from tests.support.system import System
from tests.support.system_verbs import Json, new_phone
from tests.support.twilio_sink import FROM, TwilioSink
from tests.support.wait import until


@pytest.fixture
async def template(system: System) -> AsyncIterator[Json]:
    """An SMS template. Twilio sends it, because the breaker of the other provider is open."""
    mailbox = await provider_of(system, "sms")
    await set_breaker(system, mailbox["provider_id"], "open")
    yield await system.create_template(channel="sms", subject=None, content="Hello {{ name }}")
    await set_breaker(system, mailbox["provider_id"], "auto")


async def _sent_by_twilio(system: System, template: Json, phone: str) -> Json:
    """A message that Twilio accepted; the workers apply an open breaker within seconds."""

    async def taken() -> Json | None:
        sent = await system.deliver(
            notification_type="sms",
            recipient={"phone": phone},
            template_code=template["code"],
            variables={"name": "Ada"},
        )
        return sent if sent["provider"] == "twilio" else None

    found = await until(taken, 20, interval=0.5, message="the workers do not send with Twilio")
    assert found is not None
    return found


async def _became(system: System, notification_id: str, status: str) -> Json:
    """The notification, once a receipt has changed its status to `status`."""

    async def there() -> Json | None:
        found = await system.status(notification_id)
        return found if found["status"] == status else None

    found = await until(there, 20, message=f"{notification_id} is {status}")
    assert found is not None
    return found


async def _post(system: System, fields: Mapping[str, str], query: str = "?unknown=parameter") -> httpx2.Response:
    token = (system.data_dir / "webhook-token").read_text()
    url = f"{system.url}/webhooks/twilio/{token}{query}"
    headers, body = provider_events.twilio(url, fields)
    return await system.client.post(url, content=body, headers={**headers, "X-API-Key": ""})


def _status(sent: Json, phone: str, status: str, **more: str) -> Mapping[str, str]:
    return {"MessageSid": sent["provider_message_id"], "MessageStatus": status, "To": phone, "From": FROM, **more}


async def _skipped(system: System, template: Json, phone: str) -> None:
    sent = await system.send(
        notification_type="sms", recipient={"phone": phone}, template_code=template["code"], variables={"name": "A"}
    )
    ended = await system.wait_for(sent["notification_id"], "skipped")
    assert (ended["reason"]["code"], ended["attempts"]) == ("suppressed", 0)


async def test_receipts_and_replies_of_a_provider_are_applied(
    system: System, template: Json, twilio: TwilioSink
) -> None:
    phone = new_phone()
    sent = await _sent_by_twilio(system, template, phone)
    assert twilio.sent[sent["provider_message_id"]]["To"] == phone
    for _ in range(2):
        assert (await _post(system, _status(sent, phone, "delivered"))).status_code == 200
    delivered = await _became(system, sent["notification_id"], "delivered")
    assert delivered["delivered_at"] is not None
    assert [event["event"] for event in await system.events(sent["notification_id"])].count("delivered") == 1

    filtered = await _sent_by_twilio(system, template, phone)
    assert (await _post(system, _status(filtered, phone, "undelivered", ErrorCode="30007"))).status_code == 200
    failed = await _became(system, filtered["notification_id"], "failed")
    assert (failed["reason"]["code"], await system.dead_letter(failed["notification_id"])) == ("bounced", None)

    stopped = await _post(system, {"MessageSid": "SM1", "From": phone, "To": FROM, "Body": "STOP"})
    assert (stopped.status_code, stopped.headers["content-type"].partition(";")[0]) == (200, "text/xml")
    [entry] = (await system.client.get("/api/v1/suppressions", params={"address": phone})).json()["data"]
    assert (entry["reason"], entry["channel"], entry["source"]) == ("opt_out", "sms", "twilio")
    await _skipped(system, template, phone)
    assert (await _post(system, {"MessageSid": "SM2", "From": phone, "To": FROM, "Body": "Start"})).status_code == 200

    dead = await _sent_by_twilio(system, template, phone)
    assert (await _post(system, _status(dead, phone, "undelivered", ErrorCode="30005"))).status_code == 200
    await _became(system, dead["notification_id"], "failed")
    await _skipped(system, template, phone)


async def test_a_forged_receipt_is_refused(system: System) -> None:
    token = (system.data_dir / "webhook-token").read_text()
    for path, status in (
        (f"/webhooks/twilio/{token}", 401),
        ("/webhooks/twilio/guessed", 401),
        (f"/webhooks/nothing/{token}", 404),
        (f"/webhooks/mailbox/{token}", 404),
    ):
        answer = await system.client.post(path, content=b"MessageSid=SM1&MessageStatus=delivered")
        assert answer.status_code == status, path
        assert answer.json()["success"] is False
