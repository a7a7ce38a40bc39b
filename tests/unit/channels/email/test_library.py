"""Both forms of a mail, the direct one and the library's, say the same to a reader."""

import io
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angarium.channels.email.channel import build_kit
from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.library import build_with_library
from angarium.channels.email.message import BuildMessage, Sender, build_message
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Address, Outbound
from angarium.delivery.settings import WorkerSettings
from angarium.notifications.options import AttachmentInfo, EmailOptions, File, Options
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.content import EmailContent, SmsContent
from angarium.testing.providers import outbound
from tests.support.clock import ManualClock

DATE = datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC)
SENDERS = [Sender.parse(text) for text in ("Angarium <notify@localhost>", "a@b.example", "Müller <a@müller.example>")]
_WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
lines = st.lists(_WORDS, min_size=1, max_size=12).map(" ".join).filter(lambda text: "=?" not in text)
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000) | st.builds(
    "{}{}".format, st.just("x" * 1500), lines
)


def built(build: BuildMessage, message: Outbound, sender: Sender) -> EmailMessage:
    raw = build(message, sender=sender, date=DATE)
    assert all(len(line) <= 998 and b"\r" not in line and b"\0" not in line for line in raw.split(b"\r\n"))
    return BytesParser(policy=policy.default).parsebytes(raw)


def read(mail: EmailMessage) -> tuple[Any, ...]:
    """What a reader is shown."""
    names = ("Date", "From", "Subject", "Message-ID", "X-Notification-ID", "MIME-Version", "List-Unsubscribe")
    # the parser puts a space between adjacent encoded words of a name, which RFC 2047 §6.2 has ignored
    to = [(address.display_name.replace(" ", ""), address.addr_spec) for address in mail["To"].addresses]
    parts = [part for part in mail.walk() if not part.is_multipart()]
    bodies = [(part.get_content_type(), _text(part)) for part in parts]
    return mail.get_content_type(), to, [mail[name] and str(mail[name]).strip() for name in names], bodies


def _text(part: Any) -> str:
    payload = part.get_payload(decode=True).decode()
    return str(payload.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))


@settings(max_examples=60, deadline=None)
@given(
    subject=lines,
    name=st.none() | lines,
    text=st.none() | bodies,
    html=st.none() | bodies,
    sender=st.sampled_from(SENDERS),
    unsubscribe=st.booleans(),
)
def test_both_forms_show_the_same(
    subject: str, name: str | None, text: str | None, html: str | None, sender: Sender, unsubscribe: bool
) -> None:
    headers = {"List-Unsubscribe": f"<https://example.com/{'x' * 200}>"} if unsubscribe else {}
    message = outbound(name=name, content=EmailContent(subject, html, text), headers=headers)
    assert read(built(build_with_library, message, sender)) == read(built(build_message, message, sender))


PNG = File(AttachmentInfo("ünd wie.png", "image/png", 4, "logo@shop"), b"\x89PNG")
ICS = File(AttachmentInfo('a "b".ics', 'text/calendar; method=REQUEST; charset="utf-8"', 3), b"\r\n.")
LONG = File(AttachmentInfo("é" * 120 + ".bin", "application/octet-stream", 0), b"")


@pytest.mark.parametrize("html", ["<img src='cid:logo@shop'>", None])
@pytest.mark.parametrize("text", ["plain", None])
@pytest.mark.parametrize("files", [(PNG,), (ICS, LONG), (PNG, ICS)])
def test_both_forms_show_the_same_files_and_copies(html: str | None, text: str | None, files: tuple[File, ...]) -> None:
    email = EmailOptions(
        from_name="Müller, Söhne",
        reply_to="jörg@b.example",
        cc=("c@d.example", "e@xn--mller-kva.example"),
        bcc=("x@y.z",),
    )
    options = Options(email=email, attachments=tuple(file.info for file in files))
    message = outbound(content=EmailContent("s", html, text), options=options, files=files)
    shown = [_all_of(built(build, message, SENDERS[0])) for build in (build_message, build_with_library)]
    assert shown[0] == shown[1]
    assert [content for *_, content in shown[0][1]] == [file.content for file in files]


def _all_of(mail: EmailMessage) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What `read` leaves out: further fields, and files."""
    fields = [str(mail[name]).replace("\n", "") for name in ("From", "Cc", "Reply-To", "Bcc")]
    files = [part for part in mail.walk() if part.get_filename() is not None]
    return [part.get_content_type() for part in mail.walk()] + fields, [
        (
            part.get_filename(),
            part.get_content_type(),
            dict(part["Content-Type"].params),
            part.get_content_disposition(),
            part["Content-ID"],
            part.get_payload(decode=True),
        )
        for part in files
    ]


def test_a_local_part_that_is_not_ascii_stands_in_utf8() -> None:
    raw = build_with_library(outbound(to="jörg@example.com"), sender=SENDERS[0], date=DATE)
    assert "To: John Doe <jörg@example.com>\r\n".encode() in raw


@pytest.mark.parametrize(
    "changes",
    [
        {"content": SmsContent("x")},
        {"to": "a@b.example, c@d.example"},
        {"to": "a@b.example\r\nBcc: c@d.example"},
        {"name": "a\r\nBcc: c@d.example"},
        {"name": "=?utf-8?b?YQ==?="},
        {"content": EmailContent("a\r\nBcc: c@d.example", None, "x")},
        {"content": EmailContent("\ud800", None, "x")},
        {"content": EmailContent("s", None, "\ud800")},
        {"content": EmailContent("s", "\ud800", "x")},
        {"headers": {"Bcc": "c@d.example"}},
        {"headers": {"X-A": "a\nBcc: c@d.example"}},
        {"message_key": "a b"},
        {"options": Options(email=EmailOptions(from_name="a\nb"))},
        {"options": Options(email=EmailOptions(reply_to="a@b.example, c@d.example"))},
        {"options": Options(email=EmailOptions(cc=("a@b.example\r\n",)))},
    ],
)
@pytest.mark.parametrize("build", [build_message, build_with_library])
def test_both_forms_refuse_the_same(build: BuildMessage, changes: dict[str, Any]) -> None:
    with pytest.raises(UnsafeMessage):
        build(outbound(**changes), sender=SENDERS[0], date=DATE)


@pytest.mark.parametrize(("fast_paths", "build"), [("on", build_message), ("off", build_with_library)])
async def test_the_channel_takes_the_form_that_the_settings_name(fast_paths: str, build: BuildMessage) -> None:
    loaded = WorkerSettings.load(fast_paths=fast_paths, email_providers="smtp://localhost:25")
    clock = ManualClock()
    client = ServiceClient("http://gateway", service_token=None, name="gateway")
    logger = make_logger("email", stream=io.StringIO())
    parts = ProviderParts(
        gateway=client, clock=clock, identifiers=Identifiers(clock), logger=logger, stack=AsyncExitStack()
    )
    kit = build_kit(loaded, parts)
    [provider] = kit.providers
    assert isinstance(provider, SmtpProvider)
    assert provider._build is build
    assert isinstance(kit.check_address, partial) == (fast_paths == "off")
    assert kit.check_address(Address("ada@EXAMPLE.com")).value == "ada@example.com"
    await provider.close()
    await client.close()
