"""The official SDKs of SendGrid and AWS: their requests and ours agree where it matters."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Content, CustomArg, Email, Header, Mail, To

from angarium.channels.email.providers import ses
from angarium.delivery.outcome import Sent
from angarium.platform.http.api.port import ApiAnswer
from angarium.testing.http_api import Call, Reply, scripted_api
from angarium.testing.providers import outbound
from tests.support.email_apis import check_sendgrid, email_api, parsed


async def test_sendgrids_sdk_sends_what_we_send() -> None:
    message = outbound(name="Ada", headers={"List-Unsubscribe": "<https://example.org/u>"})
    async with email_api("sendgrid") as (provider, api):
        assert isinstance(await provider.send(message), Sent)
        [ours] = api.calls
    mail = Mail(
        from_email=Email("notify@example.org", "Angarium"),
        to_emails=To("john@example.com", "Ada"),
        subject="Hello John",
        plain_text_content=Content("text/plain", "Hello John"),
        html_content=Content("text/html", "<p>Hello John</p>"),
    )
    mail.header = Header("Message-ID", f"<{message.message_key}@example.org>")
    mail.header = Header("X-Notification-ID", str(message.notification_id))
    mail.header = Header("List-Unsubscribe", "<https://example.org/u>")
    mail.custom_arg = CustomArg("notification_id", str(message.notification_id))
    async with scripted_api(check_sendgrid) as api:
        client = SendGridAPIClient("SG.key-canary1", host=api.origin)
        answer = await asyncio.to_thread(client.send, mail)
        assert answer.status_code == 202
        [theirs] = api.calls
    assert (ours.method, ours.target, ours.json) == (theirs.method, theirs.target, theirs.json)
    for name in ("authorization", "content-type", "accept"):
        assert ours.headers[name].removesuffix("; charset=utf-8") == theirs.headers[name]


def check_ses_of_sdk(call: Call) -> Reply:
    return Reply(body={"MessageId": f"sdk-{len(call.body)}"})


def sdk(origin: str) -> Any:
    return boto3.client(
        "sesv2",
        region_name="eu-west-1",
        endpoint_url=origin,
        aws_access_key_id="AKIACANARY2",
        aws_secret_access_key="secret/canary+1",
        config=Config(retries={"max_attempts": 0}, parameter_validation=True),
    )


async def test_boto3_sends_what_we_send() -> None:
    """Their client also validates our fields against the service's published model."""
    message = outbound(name="Ada")
    async with email_api("ses") as (provider, api):
        assert isinstance(await provider.send(message), Sent)
        [ours] = api.calls
    fields: dict[str, Any] = {**ours.json}
    fields["Content"] = {"Raw": {"Data": b64decode(fields["Content"]["Raw"]["Data"])}}
    async with scripted_api(check_ses_of_sdk) as api:
        client = sdk(api.origin)
        answer = await asyncio.to_thread(lambda: client.send_email(**fields))
        assert answer["MessageId"].startswith("sdk-")
        [theirs] = api.calls
    assert (ours.method, ours.target, ours.json) == (theirs.method, theirs.target, theirs.json)
    mail = parsed(b64decode(ours.json["Content"]["Raw"]["Data"]))
    assert mail["To"].addresses[0].display_name == "Ada"


ERRORS = [
    (429, "TooManyRequestsException"),
    (400, "MessageRejected"),
    (400, "AccountSuspendedException"),
    (400, "SendingPausedException"),
    (400, "MailFromDomainNotVerifiedException"),
    (400, "BadRequestException"),
    (404, "NotFoundException"),
]


@pytest.mark.parametrize(("status", "kind"), ERRORS)
async def test_boto3_reads_the_same_error(status: int, kind: str) -> None:
    headers = {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/coral/com.amazonaws.sesv2/"}
    reply = Reply(status=status, headers=headers, body={"message": "words"})
    fields = {
        "FromEmailAddress": "a@example.org",
        "Destination": {"ToAddresses": ["b@example.org"]},
        "Content": {"Raw": {"Data": b"x"}},
    }
    async with scripted_api(lambda _call: reply) as api:
        client = sdk(api.origin)
        error = getattr(client.exceptions, kind)
        with pytest.raises(error) as raised:
            await asyncio.to_thread(lambda: client.send_email(**fields))
    lowered = {name.lower(): value for name, value in headers.items()}
    found = ses.TABLE.error(ApiAnswer(status, lowered, json.dumps(reply.body).encode()))
    assert found.codes == (raised.value.response["Error"]["Code"].removesuffix("Exception"),)
    assert found.message == raised.value.response["Error"]["Message"] == "words"


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> datetime:
    moment = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_options: moment.replace(tzinfo=None))
    return moment


@pytest.mark.parametrize("origin", ["https://email.eu-west-1.amazonaws.com", "http://127.0.0.1:9000"])
def test_what_arrives_is_what_was_signed(frozen: datetime, origin: str) -> None:
    """The signature is made again from the request as it goes over the wire."""
    url, body = f"{origin}/v2/email/outbound-emails", b'{"a": "\xc3\xa9"}'
    headers = ses._signer("AKIA", "secret", "eu-west-1")(url, body)
    sent = {name: value for name, value in headers.items() if name not in {"authorization", "x-amz-date"}}
    sent["host"] = origin.partition("://")[2]
    again = AWSRequest("POST", url, data=body, headers=sent)
    SigV4Auth(Credentials("AKIA", "secret"), "ses", "eu-west-1").add_auth(again)
    assert again.headers["Authorization"] == headers["authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date" in headers["authorization"]
    assert headers["x-amz-date"] == f"{frozen:%Y%m%dT%H%M%SZ}"


def test_another_body_has_another_signature(frozen: datetime) -> None:
    sign = ses._signer("AKIA", "secret", "eu-west-1")
    signed: list[Mapping[str, str]] = [sign("https://h/", body) for body in (b"a", b"b", b"a")]
    assert signed[0]["authorization"] == signed[2]["authorization"] != signed[1]["authorization"]
