"""SendGrid's API, version 3: `sendgrid://KEY@api`, for a subuser of the European region `sendgrid://KEY@api?region=eu`.

The mail is sent as JSON fields (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send). `X-Message-Id`
of the answer is the prefix of `sg_message_id` in the event webhook, up to its first dot
(https://www.twilio.com/docs/sendgrid/glossary/x-message-id); `notification_id` is a custom argument on each event.
"""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, retry_after, text_of, words_of
from angarium.channels.api import Api, ApiRequest, api_origin, invalid, refuse_unknown
from angarium.channels.email.headers import UnsafeMessage, check_extra_name, check_one_address, checked
from angarium.channels.email.message import Sender, copies_of, message_id
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Outbound
from angarium.notifications.options import File
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent

_ORIGINS: Mapping[str, str] = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_PATH = "/v3/mail/send"
_ERRORS = "https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors"
_RATE_LIMITS = "https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits"
_SENDERS = "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sender-identity"
_LONGEST_WAIT = timedelta(days=1)


def _read(answer: ApiAnswer) -> ApiError:
    """`{"errors": [{"message", "field", "help"}]}`; the field names the invalid part of the request."""
    errors: Any = fields_of(answer)["errors"]
    codes = tuple(text_of(error.get("field")) for error in errors)
    return ApiError(codes, "; ".join(text_of(error.get("message")) for error in errors))


def _wait(answer: ApiAnswer, now: datetime) -> timedelta | None:
    """`Retry-After`, or until `X-RateLimit-Reset` (seconds since 1970)."""
    reset = answer.headers.get("x-ratelimit-reset", "")
    asked = retry_after(answer, now)
    if asked is not None or answer.status != HTTPStatus.TOO_MANY_REQUESTS or not reset.isdecimal():
        return asked
    wait = timedelta(seconds=min(int(reset), 10**11)) - (now - datetime(1970, 1, 1, tzinfo=UTC))
    return min(wait, _LONGEST_WAIT) if wait > timedelta(0) else None


TABLE = AnswerTable(
    [
        Row({429}, Verdict.RETRY, _RATE_LIMITS),
        Row({401, 403}, Verdict.CONFIGURATION, _ERRORS),
        # An address that is not verified is usually a 403; older accounts answer 400.
        Row({400}, Verdict.CONFIGURATION, _SENDERS, words=words_of(r"verified sender identity", r"\bcredits exceeded")),
        Row({400, 406, 413, 451}, Verdict.PERMANENT, _ERRORS),
        # The answer is not from this API: a wrong base_url.
        Row({404, 405}, Verdict.CONFIGURATION, _ERRORS),
    ],
    read=_read,
    wait=_wait,
)


class SendGrid(Api):
    """Describes SendGrid's requests and answers. `key` is an API key with permission to send mail."""

    name = "sendgrid"
    table = TABLE

    def __init__(self, key: str, *, origin: str, sender: Sender) -> None:
        self._url = origin + _PATH
        self._headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._sender = sender
        self._from = _named(sender.address, sender.name)
        self.secrets = (key,)

    @classmethod
    def of(cls, url: ProviderUrl, sender: Sender) -> "SendGrid":
        """From `sendgrid://KEY@api`. Raises ValueError, which never shows the URL."""
        refuse_unknown(url, "region")
        if not url.username or url.password or url.host != "api" or url.port or url.path.strip("/"):
            raise ValueError("must be sendgrid://KEY@api")
        region = url.options.get("region", "global")
        if region not in _ORIGINS:
            raise ValueError("region must be eu or global")
        return cls(url.username, origin=api_origin(url, _ORIGINS[region]), sender=sender)

    async def request(self, message: Outbound) -> ApiRequest:
        try:
            body = await asyncio.to_thread(self._encoded, message) if message.files else self._encoded(message)
            return ApiRequest(self._url, self._headers, body)
        except UnsafeMessage as error:
            raise invalid(str(error)) from error
        except UnicodeEncodeError as error:
            raise invalid("the message is not Unicode") from error

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - of the port
        if answer.status not in {HTTPStatus.ACCEPTED, HTTPStatus.OK}:
            return None
        return Sent(str(answer.status), answer.headers.get("x-message-id") or None)

    def _encoded(self, message: Outbound) -> bytes:
        return msgspec.json.encode(self._body(message))

    def _body(self, message: Outbound) -> Mapping[str, Any]:
        content = message.content
        if not isinstance(content, EmailContent):
            raise UnsafeMessage("not a mail")
        address = message.address
        check_one_address("To", address.value)
        name = checked(address.name, "the name in To") if address.name else None
        return {
            "personalizations": [{"to": [_named(address.value, name)], **_copies(message)}],
            "from": self._from,
            **self._own(message),
            "subject": checked(content.subject, "Subject"),
            "content": _parts(content),
            "headers": self._extra(message),
            "custom_args": {"notification_id": str(message.notification_id)},
            **({"attachments": [_attachment(file) for file in message.files]} if message.files else {}),
        }

    def _own(self, message: Outbound) -> Mapping[str, Any]:
        """`from` and `reply_to`, if the notification sets them."""
        own = message.options.email
        fields = {}
        if own is not None and own.from_name is not None:
            fields["from"] = _named(self._sender.address, checked(own.from_name, "the name in From"))
        if own is not None and own.reply_to is not None:
            check_one_address("Reply-To", own.reply_to)
            fields["reply_to"] = _named(own.reply_to, None)
        return fields

    def _extra(self, message: Outbound) -> Mapping[str, str]:
        """Header fields except those that SendGrid sets from other parts of the request."""
        fields = {
            "Message-ID": message_id(message.message_key, self._sender),
            "X-Notification-ID": str(message.notification_id),
        }
        for name, value in message.headers.items():
            check_extra_name(name)
            fields[name] = checked(value, name)
        return fields


def _named(address: str, name: str | None) -> Mapping[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _copies(message: Outbound) -> Mapping[str, Any]:
    """`cc` and `bcc`; the API refuses duplicate addresses and empty lists."""
    copies = copies_of(message)
    given = {"cc": copies.cc, "bcc": copies.bcc}
    return {field: [_named(address, None) for address in addresses] for field, addresses in given.items() if addresses}


def _attachment(file: File) -> Mapping[str, str]:
    info = file.info
    inline = {} if info.content_id is None else {"content_id": checked(info.content_id, "content_id")}
    return {
        "content": b64encode(file.content).decode(),
        "filename": checked(info.filename, "filename"),
        "type": checked(info.content_type, "content_type"),
        "disposition": "inline" if inline else "attachment",
        **inline,
    }


def _parts(content: EmailContent) -> list[Mapping[str, str]]:
    """The plain part first, as the API requires. It refuses empty parts, so an empty mail has a space."""
    parts = [("text/plain", content.text), ("text/html", content.html)]
    return [{"type": kind, "value": text} for kind, text in parts if text] or [{"type": "text/plain", "value": " "}]
