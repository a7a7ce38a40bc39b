"""Amazon SES, version 2 of its API: `ses://KEY:SECRET@REGION`, with `?configuration_set=NAME` for its event publishing.

The mail is sent as a complete MIME message
(https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html). SES replaces our Message-ID; the
`MessageId` of its answer is `mail.messageId` in later events, which have `notification_id` as a tag. Requests are
signed by botocore (extra `ses`).
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of, words_of
from angarium.channels.api import Api, ApiRequest, Unsendable, api_origin, invalid, refuse_unknown
from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import BuildMessage, Sender, build_message, built, copies_of, is_international
from angarium.delivery.outcome import Permanent, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

_PATH = "/v2/email/outbound-emails"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SEND_EMAIL = "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors"
_COMMON = "https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html"
_QUOTAS = "https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html"
_MESSAGES = "https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html"
_ANY_REFUSAL = range(400, 500)

Sign = Callable[[str, bytes], Mapping[str, str]]
"""Maps (URL, body) to the header fields of a signed POST."""


def _read(answer: ApiAnswer) -> ApiError:
    """The error's name from `x-amzn-errortype` or `__type`, which may include a URL, and its message."""
    fields = fields_of(answer)
    kind = answer.headers.get("x-amzn-errortype") or text_of(fields.get("__type"))
    name = kind.partition(":")[0].rpartition("#")[2]
    return ApiError((name.removesuffix("Exception"),), text_of(fields.get("message") or fields.get("Message")))


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


TABLE = AnswerTable(
    [
        # The daily quota: waiting minutes does not help, so the messages wait and another provider takes them.
        Row(_ANY_REFUSAL, Verdict.CONFIGURATION, _QUOTAS, words=words_of(r"\bdaily (message|sending) quota\b")),
        Row(_ANY_REFUSAL, Verdict.RETRY, _QUOTAS, codes=_names("TooManyRequests", "Throttling")),
        Row(_ANY_REFUSAL, Verdict.CONFIGURATION, _MESSAGES, words=words_of(r"\bnot verified\b")),
        Row(
            _ANY_REFUSAL,
            Verdict.CONFIGURATION,
            _SEND_EMAIL,
            codes=_names("AccountSuspended", "SendingPaused", "MailFromDomainNotVerified", "LimitExceeded", "NotFound"),
        ),
        Row({400}, Verdict.PERMANENT, _SEND_EMAIL, codes=_names("MessageRejected", "BadRequest")),
        Row(
            _ANY_REFUSAL,
            Verdict.CONFIGURATION,
            _COMMON,
            codes=_names(
                *("AccessDenied", "ExpiredToken", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignature"),
                *("MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "RequestExpired"),
                *("SignatureDoesNotMatch", "UnrecognizedClient"),
            ),
        ),
        # The answer is not from this API: a wrong region or base_url.
        Row({404, 405}, Verdict.CONFIGURATION, _COMMON),
    ],
    read=_read,
)


class Ses(Api):
    """Posts mails to `origin`, signed by `sign`."""

    name = "ses"
    table = TABLE

    def __init__(
        self,
        sign: Sign,
        *,
        origin: str,
        sender: Sender,
        clock: Clock,
        secrets: tuple[str, ...] = (),
        configuration_set: str | None = None,
        build: BuildMessage = build_message,
    ) -> None:
        self._sign = sign
        self._url = origin + _PATH
        self._sender = sender
        self._clock = clock
        self._configuration_set = configuration_set
        self._build = build
        self.secrets = secrets

    @classmethod
    def of(cls, url: ProviderUrl, sender: Sender, clock: Clock, build: BuildMessage = build_message) -> "Ses":
        """From `ses://KEY:SECRET@REGION`. Raises ValueError, which never shows the URL."""
        refuse_unknown(url, "configuration_set")
        region = url.host or ""
        if not url.username or not url.password or url.port or url.path.strip("/") or not _REGION.fullmatch(region):
            raise ValueError("must be ses://KEY:SECRET@REGION, such as eu-west-1")
        name = url.options.get("configuration_set")
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError("configuration_set must be the name of one")
        suffix = ".cn" if region.startswith("cn-") else ""
        return cls(
            _signer(url.username, url.password, region),
            origin=api_origin(url, f"https://email.{region}.amazonaws.com{suffix}"),
            sender=sender,
            clock=clock,
            secrets=(url.username, url.password),
            configuration_set=name,
            build=build,
        )

    async def request(self, message: Outbound) -> ApiRequest:
        try:
            mail = await built(self._build, message, sender=self._sender, date=self._clock.now())
        except UnsafeMessage as error:
            raise invalid(str(error)) from error
        copies = copies_of(message)
        if is_international(message) or not all(address.isascii() for address in copies.bcc):
            # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
            raise Unsendable(Permanent("SES takes no international local parts (SMTPUTF8)", code="invalid_address"))
        if message.files:
            body = await asyncio.to_thread(self._body, message, mail)
        else:
            body = self._body(message, mail)
        return ApiRequest(self._url, self._sign(self._url, body), body)

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - of the port
        if answer.status != HTTPStatus.OK:
            return None
        try:
            identifier = text_of(fields_of(answer)["MessageId"])
        except (ValueError, TypeError, KeyError, RecursionError):
            identifier = ""
        return Sent(str(answer.status), identifier or None)

    def _body(self, message: Outbound, mail: bytes) -> bytes:
        copies = copies_of(message)
        further = {"CcAddresses": copies.cc, "BccAddresses": copies.bcc}
        destination = {name: addresses for name, addresses in further.items() if addresses}
        fields: dict[str, object] = {
            "FromEmailAddress": self._sender.address,
            "Destination": {"ToAddresses": [message.address.value], **destination},
            "Content": {"Raw": {"Data": b64encode(mail).decode()}},
            "EmailTags": [{"Name": "notification_id", "Value": str(message.notification_id)}],
        }
        if self._configuration_set is not None:
            fields["ConfigurationSetName"] = self._configuration_set
        return msgspec.json.encode(fields)


def _signer(key: str, secret: str, region: str) -> Sign:
    """Signature version 4 by botocore. Raises ValueError if it is not installed."""
    try:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - an extra, and slow to import
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415
        from botocore.credentials import Credentials  # noqa: PLC0415
    except ImportError:
        raise ValueError("needs botocore: pip install 'angarium[ses]'") from None
    signature = SigV4Auth(Credentials(key, secret), "ses", region)

    def sign(url: str, body: bytes) -> Mapping[str, str]:
        request = AWSRequest("POST", url, data=body, headers={"content-type": "application/json"})
        signature.add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}

    return sign
