"""Twilio: text messages over its REST API of 2010-04-01.

https://www.twilio.com/docs/messaging/api/message-resource

`twilio://SID:TOKEN@FROM`. FROM is a number in E.164, a short code, an alphanumeric sender, or the SID of a Messaging
Service (`MG…`). With an API key (`SK…`) instead of the account's SID, `account=AC…` names the account.

Twilio has no idempotency key: a lost answer is ambiguous, and so is a 5xx that is not a 503.
"""

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of
from angarium.channels.api import Api, ApiRequest, api_origin, refuse_unknown
from angarium.channels.sms.message import SmsMessage, sms_of
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

ORIGIN = "https://api.twilio.com"
LONGEST_TEXT = 1600
"""Characters of one message (error 21617)."""
LONGEST_LIFE = 36_000
"""Seconds: the maximum `ValidityPeriod` (error 90007)."""
_SERVICE = re.compile(r"MG[0-9A-Za-z]{10,}")
"""Longer than any sender name, so the two cannot be confused."""
_SID = re.compile(r"[A-Za-z0-9_-]{2,64}")
_KEY = "SK"
_SENDER = re.compile(r"\+[1-9]\d{1,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
_ERRORS = "https://www.twilio.com/docs/api/errors"


def _codes(*codes: int) -> frozenset[str]:
    return frozenset(map(str, codes))


_CLIENT, _SERVER = range(400, 500), range(500, 600)
ROWS = (
    # The number cannot receive it: not a number, not a mobile phone, a landline.
    Row(_CLIENT, Verdict.SUPPRESS, f"{_ERRORS}/21211", codes=_codes(21211, 21614, 21635)),
    Row(_CLIENT, Verdict.OPTED_OUT, f"{_ERRORS}/21610", codes=_codes(21610)),  # its owner has replied STOP
    # Credentials or account: wrong, not active, suspended.
    Row(_CLIENT, Verdict.CONFIGURATION, f"{_ERRORS}/20003", codes=_codes(20003, 20005, 10001, 30002)),
    # The sender or the account cannot reach the recipient's country, but others, so the provider is not paused.
    Row(_CLIENT, Verdict.POLICY, f"{_ERRORS}/21408", codes=_codes(21408, 21612, 21659, 21661)),
    # The sender: not a number, not ours, cannot send SMS, unknown service, service without numbers.
    Row(
        _CLIENT,
        Verdict.CONFIGURATION,
        f"{_ERRORS}/21606",
        codes=_codes(21212, 21603, 21606, 21660, 21701, 21703, 21705),
    ),
    # Too many: of the account, at once, in the sender's queue, in a day.
    Row(_CLIENT, Verdict.RETRY, f"{_ERRORS}/20429", codes=_codes(20429, 21611, 30001, 63038)),
    Row({429}, Verdict.RETRY, f"{_ERRORS}/20429"),
    Row(_SERVER, Verdict.RETRY, f"{_ERRORS}/20503", codes=_codes(20503)),
    Row({503}, Verdict.RETRY, f"{_ERRORS}/20503"),
    Row(_SERVER, Verdict.AMBIGUOUS, f"{_ERRORS}/20500"),
    Row({404}, Verdict.CONFIGURATION, f"{_ERRORS}/20404"),  # no such account
)


class TwilioApi(Api):
    """Describes Twilio's requests and answers. `sender`: `From`, or the SID of a Messaging Service.

    `status_callback`: the URL for Twilio's status reports, if any; the notification's id is added.
    """

    name = "twilio"

    def __init__(
        self,
        *,
        account: str,
        username: str,
        token: str,
        sender: str,
        clock: Clock,
        origin: str = ORIGIN,
        status_callback: str | None = None,
    ) -> None:
        credentials = base64.b64encode(f"{username}:{token}".encode()).decode()
        self.secrets = (token, credentials, username)
        self.table = AnswerTable(ROWS, read=_error)
        self._url = f"{origin}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._headers: Mapping[str, str] = {
            "authorization": f"Basic {credentials}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        self._sender = {"MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender}
        self._callback = status_callback
        self._clock = clock

    async def request(self, message: Outbound) -> ApiRequest:
        sms = sms_of(message, self._clock.now(), longest=LONGEST_TEXT)
        form = {"To": sms.to, **self._sender, "Body": sms.text, **_validity(sms)}
        if self._callback is not None:
            form["StatusCallback"] = f"{self._callback}?notification_id={message.notification_id}"
        return ApiRequest(self._url, self._headers, urlencode(form).encode())

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - as the port has it
        if answer.status not in {200, 201}:
            return None
        try:
            sid = text_of(fields_of(answer).get("sid"))
        except ValueError:
            sid = ""
        return Sent(str(answer.status), sid or None)


def _validity(sms: SmsMessage) -> Mapping[str, str]:
    """The time after which Twilio discards a waiting message; at least a second."""
    return {} if sms.life is None else {"ValidityPeriod": str(min(max(sms.life, 1), LONGEST_LIFE))}


def _error(answer: ApiAnswer) -> ApiError:
    """Only the code, since Twilio's message contains the recipient's number."""
    return ApiError((text_of(fields_of(answer).get("code")),))


def from_url(url: ProviderUrl, *, clock: Clock, status_callback: str | None = None) -> TwilioApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url, "account")
    username, token, sender = url.username or "", url.password or "", url.host or ""
    account = url.options.get("account", username)
    if not _SID.fullmatch(username) or not token:
        raise ValueError("must be twilio://SID:TOKEN@FROM, with the SID of an account (AC…) or of an API key (SK…)")
    if account.startswith(_KEY) or not _SID.fullmatch(account):
        raise ValueError("needs the parameter account=AC… beside the SID of an API key")
    if url.port is not None or url.path.strip("/"):
        raise ValueError("must end with the sender: twilio://SID:TOKEN@FROM")
    if not _SERVICE.fullmatch(sender) and not _SENDER.fullmatch(sender):
        raise ValueError("has a sender that is not a number (+15005550006), a short code, a name or a service (MG…)")
    return TwilioApi(
        account=account,
        username=username,
        token=token,
        sender=sender,
        clock=clock,
        origin=api_origin(url, ORIGIN),
        status_callback=status_callback,
    )
