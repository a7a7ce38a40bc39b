"""Scripted email APIs that check each request against the provider's documentation."""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

from angarium.channels.api import Api, ApiProvider
from angarium.channels.email.message import Sender
from angarium.channels.email.providers.mailgun import Mailgun
from angarium.channels.email.providers.sendgrid import SendGrid
from angarium.channels.email.providers.ses import Ses
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import Logger
from angarium.testing.http_api import Call, Reply, ScriptedApi, scripted_api
from tests.support.mailbox_gateway import quiet_logger

SENDER = Sender.parse("Angarium <notify@example.org>")
KEYS = {
    "sendgrid": "SG.key-canary1",
    "mailgun": "mg-key-canary1",
    "ses": "secret/canary+1",
}
URLS = {
    "sendgrid": "sendgrid://SG.key-canary1@api",
    "mailgun": "mailgun://mg-key-canary1@mail.example.org",
    "ses": "ses://AKIACANARY2:secret/canary+1@eu-west-1",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One part of multipart/form-data: its name, file name and bytes."""

    name: str
    filename: str | None
    data: bytes


def forms_of(call: Call) -> list[Form]:
    """The parts of a multipart/form-data body, parsed with the standard library."""
    head = f"content-type: {call.headers['content-type']}\r\n\r\n".encode()
    whole = BytesParser(policy=policy.HTTP).parsebytes(head + call.body)
    forms = []
    for part in whole.iter_parts():
        disposition = part["content-disposition"]
        data = part.get_payload(decode=True)
        if part.get_content_type() == "message/rfc822":  # its payload is parsed already, so cut it from the body
            data = call.body.split(b"message/rfc822\r\n\r\n", 1)[1].rpartition(b"\r\n--")[0]
        forms.append(Form(disposition.params["name"], disposition.params.get("filename"), cast("bytes", data)))
    return forms


def parsed(mail: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(mail)


def mail_of(kind: str, call: Call) -> EmailMessage:
    """The mail in a request. For SendGrid, the mail that its fields describe."""
    if kind == "mailgun":
        return parsed(next(form.data for form in forms_of(call) if form.name == "message"))
    if kind == "ses":
        return parsed(b64decode(call.json["Content"]["Raw"]["Data"], validate=True))
    return _described(call.json)


def _described(body: Mapping[str, Any]) -> EmailMessage:
    mail = EmailMessage(policy.default)
    [personalization] = body["personalizations"]
    [to] = personalization["to"]
    if "cc" in personalization:
        mail["Cc"] = ", ".join(copy["email"] for copy in personalization["cc"])
    if "reply_to" in body:
        mail["Reply-To"] = body["reply_to"]["email"]
    mail["To"] = f"{to.get('name', '')} <{to['email']}>"
    mail["From"] = f"{body['from'].get('name', '')} <{body['from']['email']}>"
    mail["Subject"] = body["subject"]
    for name, value in body["headers"].items():
        mail[name] = value
    for part in body["content"]:
        _, subtype = part["type"].split("/")
        add = mail.set_content if part is body["content"][0] else mail.add_alternative
        add(part["value"], subtype=subtype)
    for file in body.get("attachments", ()):
        maintype, _, subtype = file["type"].partition(";")[0].partition("/")
        cid = f"<{file['content_id']}>" if file["disposition"] == "inline" else None
        mail.add_attachment(
            b64decode(file["content"], validate=True),
            maintype,
            subtype,
            filename=file["filename"],
            cid=cid,
            disposition=file["disposition"],
        )
    return mail


def envelope_of(kind: str, call: Call) -> list[str]:
    """The recipients of the request."""
    match kind:
        case "sendgrid":
            [fields] = call.json["personalizations"]
            return [one["email"] for field in ("to", "cc", "bcc") for one in fields.get(field, ())]
        case "mailgun":
            return next(form.data for form in forms_of(call) if form.name == "to").decode().split(",")
        case _:
            fields = call.json["Destination"]
            return [one for field in ("ToAddresses", "CcAddresses", "BccAddresses") for one in fields.get(field, ())]


def check_sendgrid(call: Call) -> Reply:
    assert (call.method, call.target) == ("POST", "/v3/mail/send")
    assert call.headers["authorization"] == f"Bearer {KEYS['sendgrid']}"
    assert call.headers["content-type"] == "application/json"
    body = call.json
    required = {"personalizations", "from", "subject", "content", "headers", "custom_args"}
    assert required <= set(body) <= required | {"reply_to", "attachments"}
    recipients = [address.lower() for address in envelope_of("sendgrid", call)]
    assert len(recipients) == len(set(recipients)), "an address must occur only once in all fields"
    assert [part["type"] for part in body["content"]] in (
        ["text/plain", "text/html"],
        ["text/plain"],
        ["text/html"],
    )
    assert all(part["value"] for part in body["content"])
    forbidden = {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    forbidden |= {"to", "from", "subject", "reply-to", "cc", "bcc"}
    assert forbidden.isdisjoint(name.lower() for name in body["headers"])
    assert len(json.dumps(body["custom_args"])) < 10_000
    key = body["headers"]["Message-ID"].strip("<>").partition("@")[0]
    return Reply(status=202, headers={"X-Message-Id": f"sg-{key}"})


def check_mailgun(call: Call) -> Reply:
    assert (call.method, call.target) == ("POST", "/v3/mail.example.org/messages.mime")
    assert b64decode(call.headers["authorization"].removeprefix("Basic ")).decode() == f"api:{KEYS['mailgun']}"
    forms = {form.name: form for form in forms_of(call)}
    assert set(forms) == {"to", "v:notification_id", "message"}
    assert forms["message"].filename
    mail = parsed(forms["message"].data)
    assert forms["to"].data.decode().split(",")[0] == mail["To"].addresses[0].addr_spec
    return Reply(body={"id": mail["Message-ID"], "message": "Queued. Thank you."})


def check_ses(call: Call) -> Reply:
    assert (call.method, call.target) == ("POST", "/v2/email/outbound-emails")
    assert call.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIACANARY2/")
    assert "/eu-west-1/ses/aws4_request" in call.headers["authorization"]
    body = call.json
    assert set(body) == {"FromEmailAddress", "Destination", "Content", "EmailTags"}
    assert body["FromEmailAddress"] == SENDER.address
    mail = parsed(b64decode(body["Content"]["Raw"]["Data"], validate=True))
    assert body["Destination"]["ToAddresses"] == [mail["To"].addresses[0].addr_spec]
    assert set(body["Destination"]) <= {"ToAddresses", "CcAddresses", "BccAddresses"}
    return Reply(body={"MessageId": f"ses-{mail['Message-ID'].strip('<>').partition('@')[0]}"})


CHECKS: Mapping[str, Callable[[Call], Reply]] = {
    "sendgrid": check_sendgrid,
    "mailgun": check_mailgun,
    "ses": check_ses,
}


def api_of(kind: str, origin: str, *, clock: Clock | None = None, options: str = "") -> Api:
    """The provider's API for its URL, with the API at `origin`."""
    url = ProviderUrl.parse(f"{URLS[kind]}?base_url={origin}{options}")
    match kind:
        case "sendgrid":
            return SendGrid.of(url, SENDER)
        case "mailgun":
            return Mailgun.of(url, SENDER, clock or SystemClock())
        case _:
            return Ses.of(url, SENDER, clock or SystemClock())


@asynccontextmanager
async def email_api(
    kind: str, *, timeout_seconds: float = 60, logger: Logger | None = None
) -> AsyncIterator[tuple[ApiProvider, ScriptedApi]]:
    """A provider and its scripted API."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(scripted_api(CHECKS[kind]))
        clock = SystemClock()
        client = Http1Client(clock)
        stack.push_async_callback(client.close)
        provider = ApiProvider(
            api_of(kind, api.origin), client, clock=clock, logger=logger or quiet_logger(), timeout=timeout_seconds
        )
        stack.push_async_callback(provider.close)
        yield provider, api


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header with user and password."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
