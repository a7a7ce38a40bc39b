"""Attachments, copies, names and header fields, as each email provider sends them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import pytest

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound, Provider
from angarium.notifications.options import AttachmentInfo, EmailOptions, File, Options
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.testing.providers import outbound
from angarium.testing.smtp.script import Step
from angarium.testing.smtp.server import SmtpServer
from tests.support.clock import ManualClock
from tests.support.email_apis import email_api, envelope_of, mail_of, parsed
from tests.support.mailbox_gateway import quiet_logger

KINDS = ["smtp", "sendgrid", "mailgun", "ses"]
every = pytest.mark.parametrize("kind", KINDS)
PDF, PNG = bytes(range(256)) * 300, b"\x89PNG\r\n\x1a\n--=_\r\n.\r\n"
LONG = "Rechnung für Ödön Ünal, " + "ж" * 100 + ".pdf"
FILES = (
    File(AttachmentInfo(LONG, "application/pdf", len(PDF)), PDF),
    File(AttachmentInfo('a "quoted" \\ name.csv', "text/csv; charset=utf-8", 0), b""),
    File(AttachmentInfo("logo.png", "image/png", len(PNG), "logo@shop"), PNG),
)
COPIES = EmailOptions(
    from_name="Müller & Söhne",
    reply_to="orders@example.org",
    cc=("c1@example.org", "JOHN@example.com", "c2@xn--bcher-kva.example"),
    bcc=("b1@example.org", "C1@example.org"),
    headers={"X-Order": "42", "In-Reply-To": "<1@example.org>"},
)
RECIPIENTS = ["john@example.com", "c1@example.org", "c2@xn--bcher-kva.example", "b1@example.org"]
Read = Callable[[], tuple[EmailMessage, list[str]]]


@asynccontextmanager
async def provider_of(kind: str) -> AsyncIterator[tuple[Provider, Read]]:
    """A provider, and what reads the last mail that it sent, with the recipients of its envelope."""
    if kind != "smtp":
        async with email_api(kind) as (provider, api):
            yield provider, lambda: (mail_of(kind, api.calls[-1]), envelope_of(kind, api.calls[-1]))
        return
    async with SmtpServer() as server, connected(server) as smtp:

        def read() -> tuple[EmailMessage, list[str]]:
            mail = server.received[-1]
            return parsed(mail.data), [address.strip("<>") for address in (mail.rcpt, *mail.further)]

        yield smtp, read


@asynccontextmanager
async def connected(server: SmtpServer) -> AsyncIterator[Provider]:
    sender = Sender.parse("Angarium <notify@example.org>")
    url = ProviderUrl.parse(f"smtp://127.0.0.1:{server.port}?tls=off")
    provider = from_url(url, sender=sender, clock=ManualClock(), logger=quiet_logger())
    try:
        yield provider
    finally:
        await provider.close()


def message(email: EmailOptions | None = None, files: tuple[File, ...] = (), **changes: Any) -> Outbound:
    options = Options(email=email, attachments=tuple(file.info for file in files))
    headers = dict(email.headers) if email is not None else {}
    return outbound(options=options, files=files, headers=headers, **changes)


@every
async def test_files_arrive_byte_for_byte_and_pictures_are_found_by_the_html(kind: str) -> None:
    content = EmailContent("s", '<p><img src="cid:logo@shop"></p>', "plain")
    async with provider_of(kind) as (provider, read):
        assert isinstance(await provider.send(message(files=FILES, content=content)), Sent)
        mail, _ = read()
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content().strip(), html.get_content().strip()) == ("plain", content.html)
    files = [part for part in mail.walk() if part.get_filename() is not None]
    assert {part.get_filename(): part.get_payload(decode=True) for part in files} == {
        file.info.filename: file.content for file in FILES
    }
    assert {part.get_filename(): part.get_content_disposition() for part in files} == {
        LONG: "attachment",
        'a "quoted" \\ name.csv': "attachment",
        "logo.png": "inline",
    }
    [picture] = [part for part in files if part.get_filename() == "logo.png"]
    assert (picture.get_content_type(), picture["Content-ID"]) == ("image/png", "<logo@shop>")
    if kind != "sendgrid":
        assert [part.get_content_type() for part in mail.walk()] == [
            "multipart/mixed",
            *("multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"),
            *("application/pdf", "text/csv"),
        ]


@every
async def test_copies_get_the_mail_and_only_cc_is_seen(kind: str) -> None:
    """An address that is named twice, in whatever case, gets the mail once."""
    async with provider_of(kind) as (provider, read):
        assert isinstance(await provider.send(message(COPIES)), Sent)
        mail, recipients = read()
    assert recipients == RECIPIENTS
    assert [address.addr_spec for address in mail["Cc"].addresses] == RECIPIENTS[1:3]
    assert mail["Bcc"] is None
    assert "b1@example.org" not in mail.as_string()
    sender = mail["From"].addresses[0]
    if kind == "sendgrid":
        assert "Müller & Söhne <notify@example.org>" in str(mail["From"])
    else:
        assert (sender.display_name, sender.addr_spec) == ("Müller & Söhne", "notify@example.org")
    assert mail["Reply-To"] == "orders@example.org"
    assert (mail["X-Order"], mail["In-Reply-To"]) == ("42", "<1@example.org>")


UNSAFE = ["a\r\nBcc: x@y.z", "a\nBcc: x@y.z", "a\u2028b", "A =?UTF-8?Q?=0A?=Bcc: x@y.z"]


@every
@pytest.mark.parametrize("text", UNSAFE)
async def test_no_option_can_add_a_header_or_a_recipient(kind: str, text: str) -> None:
    """Acceptance refuses all of this; a provider does not rely on it."""
    poisoned = [
        message(EmailOptions(from_name=text)),
        message(EmailOptions(reply_to=f"a@example.org{text}")),
        message(EmailOptions(cc=(f"a@example.org{text}",))),
        message(EmailOptions(bcc=("b@example.org", f"a@example.org{text}"))),
        message(EmailOptions(headers={"X-Order": text})),
        message(EmailOptions(headers={"Reply-To": "a@example.org"})),
        message(files=(File(AttachmentInfo(text, "text/plain", 1), b"x"),)),
        message(files=(File(AttachmentInfo("a.txt", f"text/plain{text}", 1), b"x"),)),
        message(files=(File(AttachmentInfo("a.txt", "text/plain", 1, text), b"x"),)),
    ]
    async with provider_of(kind) as (provider, read):
        outcomes = [await provider.send(one) for one in poisoned]
        with pytest.raises(IndexError):
            read()
    assert [getattr(outcome, "code", None) for outcome in outcomes] == ["invalid_message"] * len(poisoned)


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_copy_that_is_refused_for_good_is_left_out(pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server, connected(server) as provider:
        server.script("c1@example.org", Step(rcpt="550 5.1.1 no such user c1@example.org"))
        outcome = await provider.send(message(COPIES))
        assert isinstance(outcome, Sent)
        assert outcome.answer.endswith("; left out 1 of cc and bcc: 550 5.1.1 no such user [address]")
        [mail] = server.received
    assert [mail.rcpt, *mail.further] == [f"<{address}>" for address in RECIPIENTS if address != "c1@example.org"]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_copy_that_is_refused_for_now_is_waited_for_during_three_attempts(pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server, connected(server) as provider:
        server.script("b1@example.org", *[Step(rcpt="450 4.2.0 greylisted")] * 4)
        first: list[Outcome] = [await provider.send(message(COPIES, attempt=attempt)) for attempt in (1, 2, 3)]
        assert first == [Retry("450 4.2.0 greylisted", provider_fault=False)] * 3
        assert server.received == []
        assert isinstance(await provider.send(message(COPIES, attempt=4)), Sent)
        assert isinstance(await provider.send(message(COPIES, attempt=1)), Sent)
        assert [len(mail.further) for mail in server.received] == [2, 3]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_copies_get_nothing_where_the_recipient_is_refused(pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server, connected(server) as provider:
        server.script("john@example.com", Step(rcpt="550 5.1.1 no such user"))
        refused = await provider.send(message(COPIES))
        assert isinstance(refused, Permanent)
        assert refused.suppress
        assert server.received == []
        assert isinstance(await provider.send(message(COPIES)), Sent), "the session is still good"


async def test_an_international_address_anywhere_in_the_mail_needs_smtputf8() -> None:
    for options in (EmailOptions(cc=("jörg@example.org",)), EmailOptions(reply_to="jörg@example.org")):
        async with SmtpServer() as server, connected(server) as provider:
            assert isinstance(await provider.send(message(options)), Sent)
            assert server.received[0].mail == "<notify@example.org> SMTPUTF8"
            assert "jörg@example.org".encode() in server.received[0].data


async def test_ses_is_not_asked_to_send_to_an_international_local_part() -> None:
    """It has no SMTPUTF8."""
    async with email_api("ses") as (provider, api):
        for changes in ({"to": "jörg@example.org"}, {"email": EmailOptions(bcc=("jörg@example.org",))}):
            outcome = await provider.send(message(**changes))
            assert isinstance(outcome, Permanent)
            assert outcome.code == "invalid_address"
    assert api.calls == []
