"""Vonage: text messages over its Messages API, version 1.

https://developer.vonage.com/en/api/messages

`vonage://KEY:SECRET@FROM`. FROM is a number without its plus, or an alphanumeric sender. This is the newer of Vonage's
two APIs for SMS. Its refusals are HTTP statuses with a code, while the SMS API always answers 200. Its webhooks are
signed with a JWT (HS256) over the body's hash, while those of the SMS API are signed only if the account enables that.

Vonage has no idempotency key: a lost answer is ambiguous, and so is a 5xx that is not a 503.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of
from angarium.channels.api import Api, ApiRequest, api_origin, refuse_unknown
from angarium.channels.sms.message import sms_of
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

ORIGIN = "https://api.nexmo.com"
PATH = "/v1/messages"
LONGEST_TEXT = 1000
"""Characters of one message, according to the API's reference."""
SHORTEST_LIFE, LONGEST_LIFE = 20, 604_800
"""Seconds: the range of `ttl`."""
_SENDER = re.compile(r"[1-9]\d{2,14}|(?=.*[A-Za-z])[A-Za-z0-9 ._&+\-]{1,11}")
_ACCEPTED = 202
_MESSAGES = "https://developer.vonage.com/en/api-errors/messages"
_GENERIC = "https://developer.vonage.com/en/api-errors"
_ANY = range(400, 600)


def _codes(*codes: int | str) -> frozenset[str]:
    return frozenset(map(str, codes))


ROWS = (
    Row(_ANY, Verdict.RETRY, _MESSAGES, codes=_codes(1000, "throttled")),
    # Blocked by the account's own list, not in the list of a trial: about the pair of account and number.
    Row(_ANY, Verdict.PERMANENT, _MESSAGES, codes=_codes(1050, 1160)),
    Row(_ANY, Verdict.SUPPRESS, _MESSAGES, codes=_codes(1170)),  # not a phone number
    # The recipient's country does not allow this sender, but others do, so the provider is not paused.
    Row(_ANY, Verdict.POLICY, _MESSAGES, codes=_codes(1120)),
    # Account barred, out of credit, not enabled for this API, signature, facility not allowed.
    Row(_ANY, Verdict.CONFIGURATION, _MESSAGES, codes=_codes(1060, 1070, 1080, 1110, 1140)),
    Row(_ANY, Verdict.CONFIGURATION, _GENERIC, codes=_codes("low-balance", "unprovisioned", "account-suspended")),
    Row({402, 404}, Verdict.CONFIGURATION, _GENERIC),  # out of credit; not this API
    Row({429, 503}, Verdict.RETRY, _MESSAGES),
    Row(range(500, 600), Verdict.AMBIGUOUS, _MESSAGES),
)


class VonageApi(Api):
    """Describes Vonage's requests and answers.

    `status_callback`: the URL for receipts; by default the one set in the account.
    """

    name = "vonage"

    def __init__(
        self,
        *,
        key: str,
        secret: str,
        sender: str,
        clock: Clock,
        origin: str = ORIGIN,
        status_callback: str | None = None,
    ) -> None:
        credentials = base64.b64encode(f"{key}:{secret}".encode()).decode()
        self.secrets = (secret, credentials, key)
        self.table = AnswerTable(ROWS, read=_error)
        self._url = origin + PATH
        self._headers: Mapping[str, str] = {
            "authorization": f"Basic {credentials}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._sender = sender
        self._callback = {} if status_callback is None else {"webhook_url": status_callback, "webhook_version": "v1"}
        self._clock = clock

    async def request(self, message: Outbound) -> ApiRequest:
        sms = sms_of(message, self._clock.now(), longest=LONGEST_TEXT)
        fields: dict[str, Any] = {
            "message_type": "text",
            "channel": "sms",
            "to": sms.to.removeprefix("+"),
            "from": self._sender,
            "text": sms.text,
            "client_ref": message.message_key,
            "sms": {"encoding_type": "unicode" if sms.is_unicode else "text"},
            **self._callback,
        }
        if sms.life is not None:
            fields["ttl"] = min(max(sms.life, SHORTEST_LIFE), LONGEST_LIFE)
        return ApiRequest(self._url, self._headers, msgspec.json.encode(fields))

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - as the port has it
        if answer.status != _ACCEPTED:
            return None
        try:
            identifier = text_of(fields_of(answer).get("message_uuid"))
        except ValueError:
            identifier = ""
        return Sent(str(answer.status), identifier or None)


def _error(answer: ApiAnswer) -> ApiError:
    """The code at the end of a problem's `type` (RFC 7807), and its title, which contains no part of the message."""
    fields = fields_of(answer)
    _, _, code = text_of(fields.get("type")).rpartition("#")
    return ApiError((code,), text_of(fields.get("title")))


def from_url(url: ProviderUrl, *, clock: Clock, status_callback: str | None = None) -> VonageApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url)
    if not url.username or not url.password:
        raise ValueError("must be vonage://KEY:SECRET@FROM")
    if url.port is not None or url.path.strip("/"):
        raise ValueError("must end with the sender: vonage://KEY:SECRET@FROM")
    sender = (url.host or "").removeprefix("+")
    if not _SENDER.fullmatch(sender):
        raise ValueError("has a sender that is not a number (14155550123) or a name of at most 11 characters")
    return VonageApi(
        key=url.username,
        secret=url.password,
        sender=sender,
        clock=clock,
        origin=api_origin(url, ORIGIN),
        status_callback=status_callback,
    )
