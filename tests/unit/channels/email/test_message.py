"""The direct builder against the standard library's parser and builder."""

from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.channels.email.headers import UnsafeMessage
from angarium.channels.email.message import Sender, build_message
from angarium.contracts.errors import SettingsError
from angarium.delivery.provider import Outbound
from angarium.rendering.content import EmailContent, SmsContent
from angarium.testing.providers import outbound

SENDER = Sender.parse("Angarium <notify@localhost>")
DATE = datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC)

_SAFE = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")
subjects = st.text(_SAFE, max_size=300).filter(lambda text: "=?" not in text)
names = st.text(_SAFE, min_size=1, max_size=255).filter(lambda text: "=?" not in text and text.strip() == text)
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=3000)
long_lines = st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=5), st.integers(500, 2500))


def build(message: Outbound) -> bytes:
    return build_message(message, sender=SENDER, date=DATE)


def parse(raw: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(raw)


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def text_of(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return lines_of(payload.decode())


def assert_well_formed(raw: bytes) -> None:
    assert raw.endswith(b"\r\n")
    assert raw.isascii()
    for line in raw.split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert b"\0" not in line
        assert len(line) <= 998


def test_it_has_exactly_the_headers_it_should() -> None:
    message = outbound()
    mail = parse(build(message))
    assert mail.keys() == [
        "Date",
        "From",
        "To",
        "Subject",
        "Message-ID",
        "X-Notification-ID",
        "MIME-Version",
        "Content-Type",
    ]
    assert mail["From"] == "Angarium <notify@localhost>"
    assert mail["To"] == "John Doe <john@example.com>"
    assert mail["Message-ID"] == f"<{message.message_key}@localhost>"
    assert mail["X-Notification-ID"] == str(message.notification_id)
    assert parsedate_to_datetime(mail["Date"]) == DATE


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_date_is_what_the_standard_library_writes(moment: datetime) -> None:
    raw = build_message(outbound(), sender=SENDER, date=moment)
    assert raw.startswith(f"Date: {format_datetime(moment)}\r\n".encode())


@given(subject=subjects)
def test_every_subject_arrives_as_it_was(subject: str) -> None:
    raw = build(outbound(content=EmailContent(subject, None, "x")))
    assert_well_formed(raw)
    # a reader drops the white space around an unstructured field's value
    assert parse(raw)["Subject"].strip(" \t") == subject.strip(" \t")


@given(name=names)
def test_every_name_leaves_one_recipient(name: str) -> None:
    raw = build(outbound(name=name))
    assert_well_formed(raw)
    to = parse(raw)["To"]
    assert [address.addr_spec for address in to.addresses] == ["john@example.com"]


@pytest.mark.parametrize(
    "name", ["a@evil.com, b", 'O"Brien', "Jörg", "太郎", "Doe, John", "back\\slash", "(comment)", "a; b"]
)
def test_names_with_a_meaning_are_only_names(name: str) -> None:
    (address,) = parse(build(outbound(name=name)))["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "john@example.com")


@given(text=bodies | long_lines, html=bodies | long_lines)
def test_both_bodies_arrive_as_they_were(text: str, html: str) -> None:
    raw = build(outbound(content=EmailContent("s", html, text)))
    assert_well_formed(raw)
    mail = parse(raw)
    assert mail.get_content_type() == "multipart/alternative"
    assert not mail.defects
    plain, rich = mail.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert text_of(plain) == lines_of(text)
    assert text_of(rich) == lines_of(html)


@given(body=bodies | long_lines, rich=st.booleans())
def test_one_body_needs_no_multipart(body: str, rich: bool) -> None:
    content = EmailContent("s", body, None) if rich else EmailContent("s", None, body)
    raw = build(outbound(content=content))
    assert_well_formed(raw)
    mail = parse(raw)
    assert mail.get_content_type() == ("text/html" if rich else "text/plain")
    assert text_of(mail) in {lines_of(body), lines_of(body) + "\n"}


@given(subject=subjects.filter(lambda text: text == text.strip() and text.isprintable()), text=bodies)
def test_it_says_what_the_standard_library_says(subject: str, text: str) -> None:
    oracle = EmailMessage(policy=policy.SMTP)
    oracle["To"] = HeaderAddress("John Doe", addr_spec="john@example.com")
    oracle["Subject"] = subject
    oracle.set_content(text, cte="base64")
    expected, mail = parse(oracle.as_bytes()), parse(build(outbound(content=EmailContent(subject, None, text))))
    assert mail["To"] == expected["To"]
    assert mail["Subject"].strip() == expected["Subject"].strip()
    assert text_of(mail).rstrip("\n") == text_of(expected).rstrip("\n")


def test_a_body_that_holds_the_boundary_is_still_one_part() -> None:
    message = outbound()
    boundary = f"--=_{message.notification_id.hex}"
    evil = f"a\n{boundary}\nContent-Type: text/html\n\n<b>b</b>\n{boundary}--\n"
    raw = build(outbound(id_=message.notification_id, content=EmailContent("s", "<p>x</p>", evil)))
    plain, _ = parse(raw).iter_parts()
    assert text_of(plain) == evil


def test_a_long_subject_is_folded_within_the_wanted_length() -> None:
    subject = "word " * 60 + "end"
    raw = build(outbound(content=EmailContent(subject, None, "x")))
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78
    assert parse(raw)["Subject"] == subject


def test_a_local_part_that_is_not_ascii_stands_in_utf8() -> None:
    raw = build(outbound(to="jörg@example.com"))
    assert "To: John Doe <jörg@example.com>\r\n".encode() in raw


def test_further_headers_are_passed_on() -> None:
    headers = {
        "List-Unsubscribe": "<https://example.com/u/" + "x" * 200 + ">",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    mail = parse(build(outbound(headers=headers)))
    assert {name: mail[name] for name in headers} == headers


@pytest.mark.parametrize(
    "name", ["Bcc", "bcc", "To", "Content-Type", "Subject", "X: y", "X\r\nBcc", "", "Resent-To", "Grüße"]
)
def test_headers_that_the_message_makes_itself_are_refused(name: str) -> None:
    with pytest.raises(UnsafeMessage):
        build(outbound(headers={name: "x@y.z"}))


def test_only_mails_are_built() -> None:
    with pytest.raises(UnsafeMessage):
        build(outbound(content=SmsContent("x")))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_what_is_not_unicode_is_refused(text: str) -> None:
    with pytest.raises(UnsafeMessage):
        build(outbound(content=EmailContent("s", text, None)))
    with pytest.raises(UnsafeMessage):
        build(outbound(content=EmailContent(text, "x", None)))


@pytest.mark.parametrize("key", ["a@b", "a b", "", "a\r\n", "a>b", "a..b"])
def test_a_message_key_that_breaks_the_message_id_is_refused(key: str) -> None:
    with pytest.raises(UnsafeMessage):
        build(outbound(message_key=key))


MANY = ("Acme <n@a.example>, B <b@x.example>", "n@a.example, b@x.example", "Acme <n@a.example", "n@a.example>")
"""Of which a second address would be dropped, or a bracket guessed."""


@pytest.mark.parametrize("text", ["", "nobody", "a b <c d@e>", "x@y\r\nBcc: z@y", "a@b@c", *MANY])
def test_a_sender_that_is_no_address_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="ANGARIUM_EMAIL_FROM"):
        Sender.parse(text)


@pytest.mark.parametrize(("domain", "sent"), [("straße.example", "xn--strae-oqa"), ("νίκος.example", "xn--kxawhkp")])
def test_a_senders_domain_is_not_changed_into_another(domain: str, sent: str) -> None:
    """As IDNA 2003 would: the mail then comes from someone else's domain."""
    assert Sender.parse(f"post@{domain}").domain == f"{sent}.example"


def test_a_sender_may_be_international() -> None:
    sender = Sender.parse("Müller & Söhne <post@müller.example>")
    assert sender.address == "post@xn--mller-kva.example"
    assert sender.domain == "xn--mller-kva.example"
