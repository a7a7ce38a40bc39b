"""Twilio's status callbacks and incoming messages, signed with the account's auth token.

https://www.twilio.com/docs/usage/security#validating-requests
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status

`webhook_key` is the auth token, for providers whose URL has an API key (`SK…`) instead.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from angarium.channels.receiving import (
    REFERENCE,
    NotSigned,
    Posted,
    Read,
    Reply,
    SourceParts,
    Unreadable,
    identifier,
    reason_of,
    reference,
    same,
)
from angarium.notifications.receipt import Receipt, ReceiptKind, receipt_key
from angarium.platform.settings.values import ProviderUrl

SIGNATURE = "x-twilio-signature"
TWIML = "text/xml"
NO_ANSWER = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""Twilio answers STOP, START and HELP itself, by default and with Advanced Opt-Out.

https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
"""
_MOST_FIELDS = 1_000
_FAILED = frozenset({"failed", "undelivered"})
_OPTED_OUT = "21610"
_DEAD = frozenset({"21211", "21614", "21635", "30005", "30006"})
"""Codes: invalid number, not a mobile phone, unknown, a landline."""
_UNREACHABLE = frozenset({"30003"})
"""Codes: switched off or out of range. All other codes concern the sender, the content or the network: filtered
(30007), not registered (30032, 30034), unknown (30008), …
"""
_API_KEY = "SK"
_PORTS = {"https": 443, "http": 80}


class TwilioEvents:
    """Reads one event or one incoming message per request."""

    def __init__(self, token: str | None, parts: SourceParts) -> None:
        self._token = token
        self._parts = parts

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "TwilioEvents":
        """Without an auth token, as `webhook_key` or in the URL, every request is refused."""
        return cls(_auth_token(url), parts)

    async def read(self, posted: Posted) -> Read:
        try:
            pairs = parse_qsl(posted.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise Unreadable("the body is not a form") from error
        self._verify(posted, pairs)
        fields = dict(pairs)
        replies = [self._reply(fields)] if _is_incoming(fields) else []
        receipts = [] if replies else list(self._receipts(fields, posted))
        return Read(receipts, replies, answer=NO_ANSWER, media_type=TWIML)

    def _verify(self, posted: Posted, pairs: Sequence[tuple[str, str]]) -> None:
        """HMAC-SHA1 over the URL that Twilio called, with or without its port, and the sorted fields."""
        if self._token is None:
            raise NotSigned
        fields = "".join(name + value for name, value in sorted(set(pairs)))
        given = posted.headers.get(SIGNATURE, "")
        forms = [form for url in posted.urls for form in _forms(url)]
        if not any(same(given, signature(self._token, form + fields)) for form in forms):
            raise NotSigned

    def _reply(self, fields: dict[str, str]) -> Reply:
        key = receipt_key(self._parts.name, "reply", fields.get("MessageSid", ""), fields["From"])
        # With Advanced Opt-Out the account defines the keywords, in any language, and this field has their meaning.
        return Reply(key, fields["From"], fields.get("OptOutType") or fields["Body"])

    def _receipts(self, fields: dict[str, str], posted: Posted) -> Iterator[Receipt]:
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
        message = identifier(fields.get("MessageSid") or fields.get("SmsSid"))
        if message is None:
            raise Unreadable("the form has no MessageSid")
        code, address = fields.get("ErrorCode", ""), fields.get("To", "")
        for kind in _kinds(status, code):
            yield Receipt(
                # Twilio's events have no id, but a message reaches each status only once.
                key=receipt_key(self._parts.name, kind, message, status),
                provider=self._parts.name,
                kind=kind,
                at=self._parts.clock.now(),
                notification_id=reference(posted.query.get(REFERENCE)),
                provider_message_id=message,
                address=address or None,
                reason=reason_of(code, fields.get("ErrorMessage", "") or status, address=address),
            )


def can_verify(url: ProviderUrl) -> bool:
    """Whether `url` has the auth token."""
    return _auth_token(url) is not None


def _auth_token(url: ProviderUrl) -> str | None:
    return url.webhook_key or (None if (url.username or "").startswith(_API_KEY) else url.password)


def signature(token: str, text: str) -> str:
    """Twilio's signature of a URL followed by the fields."""
    return b64encode(hmac.new(token.encode(), text.encode(), "sha1").digest()).decode()


def _is_incoming(fields: dict[str, str]) -> bool:
    return "From" in fields and "Body" in fields and "MessageStatus" not in fields


def _kinds(status: str, code: str) -> tuple[ReceiptKind, ...]:
    if status in {"delivered", "read"}:
        return (ReceiptKind.DELIVERED,)
    if status not in _FAILED:
        return ()  # queued, sending, sent, …
    if code == _OPTED_OUT:
        return (ReceiptKind.BLOCKED, ReceiptKind.OPTED_OUT)
    if code in _DEAD:
        return (ReceiptKind.HARD_BOUNCE,)
    return (ReceiptKind.SOFT_BOUNCE if code in _UNREACHABLE else ReceiptKind.BLOCKED,)


def _forms(url: str) -> Iterator[str]:
    """A URL unchanged, without a port and with the default port, since Twilio is inconsistent in this."""
    yield url
    parts = urlsplit(url)
    host = re.sub(r":\d+$", "", parts.netloc)
    for netloc in (host, f"{host}:{_PORTS.get(parts.scheme, 443)}"):
        if netloc != parts.netloc:
            yield parts._replace(netloc=netloc).geturl()
