"""Events of SES, posted by SNS."""

from typing import Any
from uuid import UUID

import pytest

from angarium.channels.email.providers.ses_events import SesEvents
from angarium.channels.email.providers.sns import is_of_sns
from angarium.notifications.receipt import ReceiptKind
from tests.support.provider_events import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, ses, sns
from tests.unit.channels.conftest import Fetched, Make, kinds, posted, refuses

REFERENCE = "0192d6a0-7ec9-764a-b61a-ce54ccb0749d"
URL = f"ses://KEY:SECRET@eu-west-1?webhook_key={TOPIC}"
DELIVERY = ses("Delivery", {"recipients": ["ada@example.com"]}, tags={"notification_id": [REFERENCE]})


def bounce(kind: str, subtype: str, *addresses: str, code: str = "smtp; 550 5.1.1 unknown") -> Any:
    recipients = [{"emailAddress": address, "diagnosticCode": code} for address in addresses or ("ada@example.com",)]
    details = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": recipients, "feedbackId": "f-1"}
    return ses("Bounce", details)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_delivery_is_verified_by_the_certificate_that_is_fetched_once(
    make: Make, fetched: Fetched, version: str
) -> None:
    source = make(SesEvents.of, URL)
    for _ in range(2):
        [receipt] = (await source.read(posted(sns(DELIVERY, version=version)))).receipts
        assert (receipt.kind, receipt.notification_id) == (ReceiptKind.DELIVERED, UUID(REFERENCE))
        assert (receipt.provider_message_id, receipt.address) == ("0102-ses-1", "ada@example.com")
    assert fetched.urls == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": f"{TOPIC}-of-another"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://bucket.s3.eu-west-1.amazonaws.com/a.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/a.html"},
        {"version": "3"},
        {"Type": "Other"},
    ],
)
async def test_a_message_of_others_is_refused_and_nothing_is_fetched(
    make: Make, fetched: Fetched, changes: dict[str, Any]
) -> None:
    assert await refuses(make(SesEvents.of, URL), posted(sns(DELIVERY, **changes)))
    assert fetched.urls == []


async def test_a_changed_message_and_a_missing_topic_are_refused(make: Make) -> None:
    headers, body = sns(DELIVERY)
    assert await refuses(make(SesEvents.of, URL), posted((headers, body.replace(b"Delivery", b"delivery"))))
    assert await refuses(make(SesEvents.of, "ses://KEY:SECRET@eu-west-1"), posted((headers, body)))


async def test_a_subscription_is_confirmed_at_hosts_of_sns_alone(make: Make, fetched: Fetched) -> None:
    source = make(SesEvents.of, URL)
    asked = {"Type": "SubscriptionConfirmation", "Token": "t"}
    read = await source.read(posted(sns("confirm", **asked, SubscribeURL=SUBSCRIBE_URL)))
    assert (list(read.receipts), fetched.urls) == ([], [CERTIFICATE_URL, SUBSCRIBE_URL])
    elsewhere = "https://169.254.169.254/latest/meta-data"
    assert await refuses(source, posted(sns("confirm", **asked, SubscribeURL=elsewhere)))
    assert fetched.urls == [CERTIFICATE_URL, SUBSCRIBE_URL]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (bounce("Permanent", "General"), [ReceiptKind.HARD_BOUNCE]),
        (bounce("Permanent", "OnAccountSuppressionList", code=""), [ReceiptKind.HARD_BOUNCE]),
        (bounce("Permanent", "General", code="smtp; 550 5.7.26 DMARC"), [ReceiptKind.BLOCKED]),
        (bounce("Permanent", "UnsubscribedRecipient"), [ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT]),
        (bounce("Transient", "MailboxFull", code="smtp; 452 4.2.2 full"), [ReceiptKind.SOFT_BOUNCE]),
        (bounce("Transient", "ContentRejected"), [ReceiptKind.BLOCKED]),
        (bounce("Undetermined", "Undetermined"), [ReceiptKind.BLOCKED]),
        (bounce("Permanent", "NoEmail", "a@example.com", "b@example.com"), [ReceiptKind.HARD_BOUNCE] * 2),
        (ses("Complaint", {"complainedRecipients": [{"emailAddress": "a@example.com"}]}), [ReceiptKind.COMPLAINED]),
        (ses("Complaint", {"complainedRecipients": [{}], "complaintFeedbackType": "not-spam"}), []),
        (ses("Reject", {"reason": "Bad content"}), [ReceiptKind.BLOCKED]),
        (ses("Rendering Failure", {"errorMessage": "x"}), [ReceiptKind.BLOCKED]),
        (ses("DeliveryDelay", {"delayedRecipients": [{"emailAddress": "a@b.example"}]}), [ReceiptKind.DEFERRED]),
        (ses("Subscription", {"newTopicPreferences": {"unsubscribeAll": True}}), [ReceiptKind.OPTED_OUT]),
        (ses("Open", {}), []),
    ],
)
async def test_kinds(make: Make, event: Any, expected: list[ReceiptKind]) -> None:
    assert await kinds(make(SesEvents.of, URL), sns(event)) == expected


async def test_one_event_published_twice_has_one_key_and_each_address_its_own(make: Make) -> None:
    source, event = make(SesEvents.of, URL), bounce("Permanent", "General", "a@example.com", "b@example.com")
    first = [one.key for one in (await source.read(posted(sns(event)))).receipts]
    again = [one.key for one in (await source.read(posted(sns(event, MessageId="another")))).receipts]
    assert first == again
    assert len(set(first)) == 2


async def test_a_notification_of_feedback_without_a_configuration_set_is_read_too(make: Make) -> None:
    event = {**bounce("Permanent", "General"), "eventType": None, "notificationType": "Bounce"}
    assert await kinds(make(SesEvents.of, URL), sns(event)) == [ReceiptKind.HARD_BOUNCE]


def test_an_invalid_topic_stops_the_start(make: Make) -> None:
    with pytest.raises(ValueError, match="webhook_key"):
        make(SesEvents.of, "ses://KEY:SECRET@eu-west-1?webhook_key=topic")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (CERTIFICATE_URL, True),
        ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
        ("https://user@sns.eu-west-1.amazonaws.com/a.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/a.pem", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_hosts_of_sns(url: str, expected: bool) -> None:
    assert is_of_sns(url) is expected
