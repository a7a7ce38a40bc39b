"""Mailgun's webhooks: `webhook_key` is the HTTP webhook signing key of the account.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure

The signature covers a timestamp and a token, not the event, so the secret in the path is particularly important here.
"""

import hmac
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from angarium.channels.email.bounces import bounce_kind
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

OLDEST = timedelta(hours=24)
"""Mailgun repeats a webhook for 8 hours, with the signature of the first attempt."""
NEWEST = timedelta(minutes=5)
_SIMPLE = {
    "delivered": ReceiptKind.DELIVERED,
    "complained": ReceiptKind.COMPLAINED,
    "unsubscribed": ReceiptKind.OPTED_OUT,
    "rejected": ReceiptKind.BLOCKED,
}
_REASONS: Mapping[str, tuple[ReceiptKind, ...]] = {
    "suppress-bounce": (ReceiptKind.HARD_BOUNCE,),
    "suppress-complaint": (ReceiptKind.BLOCKED, ReceiptKind.COMPLAINED),
    "suppress-unsubscribe": (ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT),
    "espblock": (ReceiptKind.BLOCKED,),
    "old": (ReceiptKind.SOFT_BOUNCE,),  # retried for as long as Mailgun does
}
"""`reason` of a permanent failure; for other values the receiving server's text decides."""


class MailgunEvents:
    """Reads one event per request."""

    def __init__(self, key: str | None, parts: SourceParts) -> None:
        self._key = key
        self._parts = parts

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "MailgunEvents":
        """Create the source. Without a `webhook_key` every request is refused."""
        return cls(url.webhook_key, parts)

    async def read(self, posted: Posted) -> Read:
        body = mapping(decoded(posted.body))
        self._verify(mapping(body.get("signature")))
        event = body.get("event-data")
        if not isinstance(event, dict):
            raise Unreadable("the body has no event-data")
        receipts, unreadable = read_each([event], self._receipts)
        return Read(receipts, unreadable=unreadable)

    def _verify(self, signature: Mapping[str, Any]) -> None:
        timestamp, token = words(signature.get("timestamp")), words(signature.get("token"))
        if self._key is None or not timestamp.isdecimal() or not timestamp.isascii() or not token:
            raise NotSigned
        right = hmac.new(self._key.encode(), (timestamp + token).encode(), "sha256").hexdigest()
        if not same(words(signature.get("signature")), right):
            raise NotSigned
        age = self._parts.clock.now() - moment(timestamp, self._parts.clock)
        if not -NEWEST <= age <= OLDEST:
            raise NotSigned("the signature is too old")

    def _receipts(self, event: Mapping[str, Any]) -> Iterator[Receipt]:
        address = words(event.get("recipient"))
        message = words(mapping(mapping(event.get("message")).get("headers")).get("message-id")).strip("<>")
        status = mapping(event.get("delivery-status"))
        code, said = status.get("enhanced-code") or status.get("code"), status.get("message")
        why = reason_of(code, said or status.get("description") or event.get("reason"), address=address)
        named = mapping(event.get("user-variables")).get(REFERENCE)
        for kind in _kinds(event, status):
            content = (message, event["event"], event.get("timestamp"), address)
            unique = (event["id"],) if identifier(event.get("id")) else content
            yield Receipt(
                key=receipt_key(self._parts.name, kind, *unique),
                provider=self._parts.name,
                kind=kind,
                at=moment(event.get("timestamp"), self._parts.clock),
                notification_id=reference(named) or reference(message),
                provider_message_id=identifier(message),
                address=address or None,
                reason=why if kind is not ReceiptKind.DELIVERED else "",
            )


def _kinds(event: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[ReceiptKind, ...]:
    name = words(event["event"])
    if name in _SIMPLE:
        return (_SIMPLE[name],)
    if name != "failed":
        return ()  # accepted, opened, clicked, stored
    if words(event.get("severity")) == "temporary":
        return (ReceiptKind.DEFERRED,)
    known = _REASONS.get(words(event.get("reason")))
    if known is not None:
        return known
    text = " ".join(words(status.get(part)) for part in ("enhanced-code", "code", "message", "description"))
    return (bounce_kind(text, permanent=words(status.get("bounce-type")) != "soft"),)
