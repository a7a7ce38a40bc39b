"""Events of Amazon SES, posted by SNS: `webhook_key` is the ARN of the only accepted topic.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html

Anyone with an AWS account can publish signed SNS messages through a topic of their own, so the topic is fixed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from angarium.channels.email.bounces import bounce_kind
from angarium.channels.email.providers.sns import CONFIRMATION, NOTIFICATION, SnsVerifier, is_of_sns
from angarium.channels.receiving import (
    REFERENCE,
    NotSigned,
    Posted,
    Read,
    SourceParts,
    Unreadable,
    decoded,
    identifier,
    mapping,
    moment,
    read_each,
    reason_of,
    reference,
    same,
    words,
)
from angarium.notifications.receipt import Receipt, ReceiptKind, receipt_key
from angarium.platform.settings.values import ProviderUrl

_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}")
_SOFT = frozenset({"General", "MailboxFull"})
"""Subtypes of transient bounces about the address; others concern the message: too large, content or attachment
rejected."""
_NOT_SPAM = "not-spam"
_DETAILS = {
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Delivery": "delivery",
    "DeliveryDelay": "deliveryDelay",
    "Reject": "reject",
    "Rendering Failure": "failure",
    "Subscription": "subscription",
}


class SesEvents:
    """Reads one event per request, which may concern several addresses. Confirms its subscription itself."""

    def __init__(self, topic: str | None, parts: SourceParts) -> None:
        self._topic = topic
        self._parts = parts
        self._verifier = SnsVerifier(parts.fetch, parts.clock)

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "SesEvents":
        """Without a `webhook_key` every request is refused. Raises ValueError if it is not a topic's ARN."""
        if url.webhook_key is not None and not _ARN.fullmatch(url.webhook_key):
            raise ValueError("webhook_key must be the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME)")
        return cls(url.webhook_key, parts)

    async def read(self, posted: Posted) -> Read:
        message = mapping(decoded(posted.body))
        if self._topic is None or not same(words(message.get("TopicArn")), self._topic):
            raise NotSigned("the topic is not the one that webhook_key names")
        await self._verifier.verify(message)
        match message["Type"]:
            case kind if kind == CONFIRMATION:
                await self._confirm(words(message.get("SubscribeURL")))
                return Read()
            case kind if kind == NOTIFICATION:
                return self._events(words(message.get("Message")))
            case _:
                return Read()

    async def _confirm(self, url: str) -> None:
        """Confirm the subscription. The URL is in the signed part of the message; its host is checked anyway."""
        if not is_of_sns(url):
            raise NotSigned("the SubscribeURL is not of SNS")
        await self._parts.fetch(url)

    def _events(self, text: str) -> Read:
        if text.startswith("Successfully validated SNS topic"):  # SES tests a topic when it is selected
            return Read()
        event = decoded(text.encode())
        if not isinstance(event, dict):
            raise Unreadable("the message is not an event of SES")
        receipts, unreadable = read_each([event], self._receipts)
        return Read(receipts, unreadable=unreadable)

    def _receipts(self, event: Mapping[str, Any]) -> Iterator[Receipt]:
        kind = words(event.get("eventType") or event["notificationType"])
        if kind not in _DETAILS:
            return  # Send, Open, Click
        details, mail = mapping(event.get(_DETAILS[kind])), mapping(event["mail"])
        message = identifier(mail.get("messageId"))
        at = details.get("timestamp") or mail.get("timestamp")
        for address, found, why in _told(kind, details, mail):
            # One event may be published more than once, as another message of SNS.
            unique = details.get("feedbackId") or at
            yield Receipt(
                key=receipt_key(self._parts.name, found, message, unique, address),
                provider=self._parts.name,
                kind=found,
                at=moment(at, self._parts.clock),
                notification_id=_reference(mail),
                provider_message_id=message,
                address=address or None,
                reason=reason_of("", why, address=address),
            )


_Told = tuple[str, ReceiptKind, str]
"""Address, kind and reason."""


def _told(kind: str, details: Mapping[str, Any], mail: Mapping[str, Any]) -> Iterator[_Told]:
    """The address, kind and reason of each recipient in an event."""
    match kind:
        case "Bounce":
            yield from _bounced(details)
        case "Complaint":
            why = words(details.get("complaintFeedbackType"))
            if why != _NOT_SPAM:
                yield from ((address, ReceiptKind.COMPLAINED, why) for address in _of(details, "complainedRecipients"))
        case "Delivery":
            addresses = map(words, _list(details.get("recipients")))
            yield from ((address, ReceiptKind.DELIVERED, "") for address in addresses)
        case "DeliveryDelay":
            yield from ((address, ReceiptKind.DEFERRED, "") for address in _of(details, "delayedRecipients"))
        case "Subscription":
            gone = mapping(details.get("newTopicPreferences")).get("unsubscribeAll") is True
            everyone = map(words, _list(mail.get("destination")) if gone else ())
            yield from ((address, ReceiptKind.OPTED_OUT, "") for address in everyone)
        case _:
            why = words(details.get("reason") or details.get("errorMessage"))
            everyone = map(words, _list(mail.get("destination")))
            yield from ((address, ReceiptKind.BLOCKED, why) for address in everyone)


def _bounced(details: Mapping[str, Any]) -> Iterator[_Told]:
    kind, subtype = words(details.get("bounceType")), words(details.get("bounceSubType"))
    for bounced in map(mapping, _list(details.get("bouncedRecipients"))):
        why = f"{words(bounced.get('status'))} {words(bounced.get('diagnosticCode'))}".strip()
        for found in _bounce(kind, subtype, why):
            yield words(bounced.get("emailAddress")), found, why or subtype


def _of(details: Mapping[str, Any], name: str) -> Iterator[str]:
    return (words(mapping(recipient).get("emailAddress")) for recipient in _list(details.get(name)))


def _bounce(kind: str, subtype: str, why: str) -> Sequence[ReceiptKind]:
    """https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types"""
    if subtype == "UnsubscribedRecipient":
        return (ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT)
    if kind == "Permanent":
        listed = subtype in {"Suppressed", "OnAccountSuppressionList", "NoEmail"}
        return (ReceiptKind.HARD_BOUNCE if listed else bounce_kind(why, permanent=True),)
    if kind == "Transient" and subtype in _SOFT:
        found = bounce_kind(why, permanent=False)
        return (ReceiptKind.SOFT_BOUNCE if found is ReceiptKind.HARD_BOUNCE else found,)
    return (ReceiptKind.BLOCKED,)  # also `Undetermined`: SES could not tell why


def _reference(mail: Mapping[str, Any]) -> Any:
    """Our reference, from a tag of the event or a header of the mail; SES includes headers if configured."""
    tagged = _list(mapping(mail.get("tags")).get(REFERENCE))
    if tagged:
        return reference(tagged[0])
    headers = (mapping(header) for header in _list(mail.get("headers")))
    named = (header.get("value") for header in headers if words(header.get("name")).lower() == "x-notification-id")
    return reference(next(named, None))


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
