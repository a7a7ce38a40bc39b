"""Mailgun's API: `mailgun://KEY@DOMAIN`, for a domain of the European region `mailgun://KEY@DOMAIN?region=eu`.

The mail is sent as a complete MIME message
(https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages-mime).
The answer and later webhooks contain its Message-ID (`event-data.message.headers.message-id`, without angle brackets);
`notification_id` is a user variable on each event.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of, words_of
from angarium.channels.api import Api, ApiRequest, api_origin, invalid, refuse_unknown
from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import BuildMessage, Sender, build_message, built, copies_of
from angarium.contracts.addresses import ascii_domain
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

_ORIGINS: Mapping[str, str] = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_CODES = "https://documentation.mailgun.com/docs/mailgun/api-reference/api-overview#api-response-codes"
_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")


def _read(answer: ApiAnswer) -> ApiError:
    """`{"message": "..."}`."""
    return ApiError(message=text_of(fields_of(answer)["message"]))


TABLE = AnswerTable(
    [
        Row({429, 500}, Verdict.RETRY, _CODES),
        Row({401, 403}, Verdict.CONFIGURATION, _CODES),
        # "May be temporal due to eventually-consistent system"; a new domain, or the wrong region if it lasts.
        Row({404}, Verdict.CONFIGURATION, _CODES, from_attempt=2),
        Row({404}, Verdict.LATER, _CODES, words=words_of(r".")),
        # "Missing JSON response usually indicates incorrect endpoint."
        Row({404, 405}, Verdict.CONFIGURATION, _CODES),
        Row(
            {400, 402, 420},
            Verdict.CONFIGURATION,
            _CODES,
            words=words_of(r"\bnot allowed to send\b", r"\blimit exceeded\b", r"\b(domain|account)\b.*\bdisabled\b"),
        ),
        Row({400}, Verdict.PERMANENT, _CODES),
    ],
    read=_read,
)


class Mailgun(Api):
    """Posts mails to the sending domain `domain`. `key` is the account's or the domain's sending key."""

    name = "mailgun"
    table = TABLE

    def __init__(
        self, key: str, domain: str, *, origin: str, sender: Sender, clock: Clock, build: BuildMessage = build_message
    ) -> None:
        self._url = f"{origin}/v3/{domain}/messages.mime"
        self._authorization = "Basic " + b64encode(f"api:{key}".encode()).decode()
        self._sender = sender
        self._clock = clock
        self._build = build
        self.secrets = (key,)

    @classmethod
    def of(cls, url: ProviderUrl, sender: Sender, clock: Clock, build: BuildMessage = build_message) -> "Mailgun":
        """From `mailgun://KEY@DOMAIN?region=eu`. Raises ValueError, which never shows the URL."""
        refuse_unknown(url, "region")
        domain = ascii_domain(url.host or "")
        if not url.username or url.password or url.port or url.path.strip("/") or not _DOMAIN.fullmatch(domain):
            raise ValueError("must be mailgun://KEY@DOMAIN")
        region = url.options.get("region", "us")
        if region not in _ORIGINS:
            raise ValueError("region must be us or eu")
        origin = api_origin(url, _ORIGINS[region])
        return cls(url.username, domain, origin=origin, sender=sender, clock=clock, build=build)

    async def request(self, message: Outbound) -> ApiRequest:
        try:
            mail = await built(self._build, message, sender=self._sender, date=self._clock.now())
        except UnsafeMessage as error:
            raise invalid(str(error)) from error
        boundary = f"angarium-{message.notification_id.hex}"
        while boundary.encode() in mail:
            boundary += "-"
        copies = copies_of(message)
        recipients = (message.address.value, *copies.cc, *copies.bcc)
        body = _form(boundary, recipients, str(message.notification_id), mail)
        headers = {
            "authorization": self._authorization,
            "content-type": f"multipart/form-data; boundary={boundary}",
            "accept": "application/json",
        }
        return ApiRequest(self._url, headers, body)

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - of the port
        if answer.status != HTTPStatus.OK:
            return None
        try:
            identifier = text_of(fields_of(answer)["id"]).strip("<>")
        except (ValueError, TypeError, KeyError, RecursionError):
            identifier = ""
        return Sent(str(answer.status), identifier or None)


def _form(boundary: str, recipients: Sequence[str], notification_id: str, mail: bytes) -> bytes:
    """The form's parts (RFC 7578); `mail` must not contain `boundary`. `recipients`: of the envelope."""
    line = b"--" + boundary.encode()
    fields = {"to": ",".join(recipients), "v:notification_id": notification_id}
    parts = [
        b'%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (line, name.encode(), value.encode())
        for name, value in fields.items()
    ]
    opening = b'Content-Disposition: form-data; name="message"; filename="message.eml"\r\nContent-Type: message/rfc822'
    return b"%b%b\r\n%b\r\n\r\n%b\r\n%b--\r\n" % (b"".join(parts), line, opening, mail, line)
