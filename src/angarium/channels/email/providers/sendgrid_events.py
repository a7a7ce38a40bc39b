"""SendGrid's event webhook, signed with ECDSA: `webhook_key` is the verification key from its settings.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from angarium.channels.email.bounces import bounce_kind
from angarium.channels.receiving import (
    MOST_EVENTS,
    REFERENCE,
    NotSigned,
    Posted,
    Read,
    SourceParts,
    Unreadable,
    decoded,
    identifier,
    moment,
    read_each,
    reason_of,
    reference,
    words,
)
from angarium.notifications.receipt import Receipt, ReceiptKind, receipt_key
from angarium.platform.settings.values import ProviderUrl

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_DROPPED: Mapping[str, tuple[ReceiptKind, ...]] = {
    "bounced address": (ReceiptKind.HARD_BOUNCE,),
    "invalid": (ReceiptKind.HARD_BOUNCE,),
    "spam reporting address": (ReceiptKind.BLOCKED, ReceiptKind.COMPLAINED),
    "unsubscribed address": (ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT),
}
"""Prefixes of `reason` for messages dropped because of SendGrid's own lists. Other reasons concern the sender."""
_SIMPLE = {
    "delivered": ReceiptKind.DELIVERED,
    "deferred": ReceiptKind.DEFERRED,
    "spamreport": ReceiptKind.COMPLAINED,
    "unsubscribe": ReceiptKind.OPTED_OUT,
    "group_unsubscribe": ReceiptKind.OPTED_OUT,
}
_CLASSES = {
    "invalid address": ReceiptKind.HARD_BOUNCE,
    "mailbox unavailable": ReceiptKind.SOFT_BOUNCE,
    "content": ReceiptKind.BLOCKED,
    "frequency or volume too high": ReceiptKind.BLOCKED,
    "reputation": ReceiptKind.BLOCKED,
    "technical failure": ReceiptKind.BLOCKED,
}
"""`bounce_classification`; for `Unclassified` the text decides."""


class SendGridEvents:
    """Reads batches of events."""

    def __init__(self, key: ec.EllipticCurvePublicKey | None, parts: SourceParts) -> None:
        self._key = key
        self._parts = parts

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "SendGridEvents":
        """Without a `webhook_key` every request is refused. Raises ValueError if it is not a P-256 key."""
        return cls(None if url.webhook_key is None else _public_key(url.webhook_key), parts)

    async def read(self, posted: Posted) -> Read:
        self._verify(posted)
        events = decoded(posted.body)
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            raise Unreadable("the body is not a list of events")
        receipts, unreadable = read_each(events, self._receipts)
        return Read(receipts, unreadable=unreadable)

    def _verify(self, posted: Posted) -> None:
        """The signature covers the timestamp and the raw body."""
        if self._key is None:
            raise NotSigned
        try:
            signature = b64decode(posted.headers.get(SIGNATURE, ""), validate=True)
            signed = posted.headers.get(TIMESTAMP, "").encode("ascii") + posted.body
            self._key.verify(signature, signed, ec.ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, UnicodeEncodeError, ValueError) as error:
            raise NotSigned from error

    def _receipts(self, event: Mapping[str, Any]) -> Iterator[Receipt]:
        address = words(event.get("email"))
        why = reason_of(event.get("status"), event.get("reason") or event.get("response"), address=address)
        message = words(event.get("sg_message_id")).partition(".")[0]  # what follows is SendGrid's own
        custom = event.get("custom_args")
        named = event.get(REFERENCE) or (custom.get(REFERENCE) if isinstance(custom, dict) else None)
        for kind in _kinds(event):
            content = (event.get("sg_message_id"), event.get("event"), event.get("timestamp"), address)
            unique = (event["sg_event_id"],) if identifier(event.get("sg_event_id")) else content
            yield Receipt(
                key=receipt_key(self._parts.name, kind, *unique),
                provider=self._parts.name,
                kind=kind,
                at=moment(event.get("timestamp"), self._parts.clock),
                notification_id=reference(named),
                provider_message_id=identifier(message),
                address=address or None,
                reason=why if kind is not ReceiptKind.DELIVERED else "",
            )


def _kinds(event: Mapping[str, Any]) -> tuple[ReceiptKind, ...]:
    name, why = words(event["event"]), words(event.get("reason"))
    if name in _SIMPLE:
        return (_SIMPLE[name],)
    if name == "dropped":
        return next(
            (kinds for start, kinds in _DROPPED.items() if why.lower().startswith(start)), (ReceiptKind.BLOCKED,)
        )
    if name != "bounce":
        return ()  # processed, open, click, …
    classed = _CLASSES.get(words(event.get("bounce_classification")).lower())
    if classed is not None:
        return (classed,)
    permanent = words(event.get("type")) != "blocked"
    status = words(event.get("status"))
    kind = bounce_kind(f"{status} {why}", permanent=permanent)
    # SendGrid calls a refusal `blocked` where the address may well be good. Only a status can say that it is full.
    sure = permanent or (kind is ReceiptKind.SOFT_BOUNCE and bool(status))
    return (kind if sure else ReceiptKind.BLOCKED,)


def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise ValueError("webhook_key must be the verification key of SendGrid's signed event webhook") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("webhook_key must be an ECDSA key of the curve P-256")  # noqa: TRY004 - of a setting
    return key
