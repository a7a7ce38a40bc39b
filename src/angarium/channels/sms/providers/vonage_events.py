"""Webhooks of Vonage's Messages API, signed with a JWT: `webhook_key` is the account's signature secret.

https://developer.vonage.com/en/getting-started/concepts/webhooks#validating-signed-webhooks
https://developer.vonage.com/en/messages/concepts/webhooks
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import jwt

from angarium.channels.receiving import (
    NotSigned,
    Posted,
    Read,
    Reply,
    SourceParts,
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

OLDEST = timedelta(minutes=5)
"""Each attempt has a new signature, so an old one was not sent by Vonage."""
_DEAD = frozenset({"1170", "1190", "1240"})
"""Codes: invalid number, no longer in use, not assigned. https://developer.vonage.com/en/api-errors/messages"""
_UNREACHABLE = frozenset({"1180", "1220"})
"""Codes: switched off, out of range or busy. All other codes concern the sender, the content or the network."""
_FAILED = frozenset({"rejected", "undeliverable"})
_SIGNATURE_ALONE: jwt.types.Options = {
    "verify_aud": False,
    "verify_iat": False,
    "verify_exp": False,
    "verify_nbf": False,
}
"""Only the signature is verified here: the time is compared with our own clock."""


class VonageEvents:
    """Reads one event or one incoming message per request."""

    def __init__(self, secret: str | None, parts: SourceParts) -> None:
        self._secret = secret
        self._parts = parts

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "VonageEvents":
        """Without a `webhook_key` every request is refused."""
        return cls(url.webhook_key, parts)

    async def read(self, posted: Posted) -> Read:
        self._verify(posted)
        event = mapping(decoded(posted.body))
        if "status" not in event and "from" in event and "text" in event:
            number = f"+{words(event['from']).lstrip('+')}"
            key = receipt_key(self._parts.name, "reply", event.get("message_uuid"), number)
            return Read(replies=[Reply(key, number, words(event["text"]))])
        receipts, unreadable = read_each([event], self._receipts)
        return Read(receipts, unreadable=unreadable)

    def _verify(self, posted: Posted) -> None:
        """The token is HS256 and contains the hash of the body and the time of the attempt."""
        scheme, _, token = posted.headers.get("authorization", "").partition(" ")
        if self._secret is None or scheme.lower() != "bearer":
            raise NotSigned
        try:
            claims = jwt.decode(token.strip(), self._secret, algorithms=["HS256"], options=_SIGNATURE_ALONE)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise NotSigned from error
        if not same(words(claims.get("payload_hash")), sha256(posted.body).hexdigest()):
            raise NotSigned
        issued = claims.get("iat")
        clock = self._parts.clock
        if type(issued) not in {int, float} or abs(clock.now() - moment(issued, clock)) > OLDEST:
            raise NotSigned("the token is too old")

    def _receipts(self, event: Mapping[str, Any]) -> Iterator[Receipt]:
        status, message = words(event["status"]), identifier(event["message_uuid"])
        error, number = mapping(event.get("error")), words(event.get("to"))
        code = words(error.get("title")) if words(error.get("title")).isdecimal() else _code(words(error.get("type")))
        for kind in _kinds(status, code):
            yield Receipt(
                key=receipt_key(self._parts.name, kind, message, status),
                provider=self._parts.name,
                kind=kind,
                at=moment(event.get("timestamp"), self._parts.clock),
                notification_id=reference(event.get("client_ref")),
                provider_message_id=message,
                address=f"+{number.lstrip('+')}" if number else None,
                reason=reason_of(code, error.get("detail") or status, address=number),
            )


def _code(link: str) -> str:
    """The code at the end of a problem's `type` (RFC 7807)."""
    return link.rpartition("#")[2]


def _kinds(status: str, code: str) -> tuple[ReceiptKind, ...]:
    if status in {"delivered", "read"}:
        return (ReceiptKind.DELIVERED,)
    if status not in _FAILED:
        return ()  # submitted
    if code in _DEAD:
        return (ReceiptKind.HARD_BOUNCE,)
    return (ReceiptKind.SOFT_BOUNCE if code in _UNREACHABLE else ReceiptKind.BLOCKED,)
