"""Builds the bytes of a rendered mail (RFC 5322, 2045, 2046, 2047).

Bodies are seven-bit lines, which every server accepts without 8BITMIME. The standard library's `email` takes a hundred
times as long (`library.py`).
"""

import asyncio
import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import getaddresses
from typing import Protocol

from angarium.channels.email.files import inline_of, with_attachments, with_inline
from angarium.channels.email.headers import (
    LINE_ALLOWED,
    UnsafeMessage,
    address_list,
    check_one_address,
    checked,
    extra,
    mailbox,
    unstructured,
)
from angarium.contracts.addresses import ascii_domain
from angarium.contracts.errors import SettingsError
from angarium.delivery.provider import Outbound
from angarium.notifications.options import EmailOptions, File
from angarium.rendering.content import EmailContent

_BASE64_LINE = 57
"""Bytes that make a line of 76 characters (RFC 2045 §6.8)."""
_DENSE = 6
"""If at least one byte in this many needs encoding, base64 is shorter than quoted-printable."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINE_BREAK = b"\r\n"
_MESSAGE_KEY = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")


def encoded(text: str, boundary: str) -> tuple[str, bytes]:
    """(Content-Transfer-Encoding, lines) of `text`; every line break becomes CRLF. Raises UnsafeMessage.

    No line is longer than 998 characters or can be mistaken for `boundary`.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        data = text.replace("\n", "\r\n").encode()
    except UnicodeEncodeError as error:
        raise UnsafeMessage("the text is not Unicode") from error
    if text.isascii():
        if _short_lines(data) and "\0" not in text and boundary not in text:
            return "7bit", data
    elif (len(data) - len(text)) * _DENSE > len(data):
        return "base64", _base64(data)
    return "quoted-printable", _quoted_printable(data)


def _short_lines(data: bytes) -> bool:
    start, end = 0, len(data)
    while end - start > LINE_ALLOWED:
        start = data.rfind(b"\n", start, start + LINE_ALLOWED + 2) + 1
        if not start or data[start - 1 : start] != b"\n":
            return False
    return True


def _quoted_printable(data: bytes) -> bytes:
    lines = b2a_qp(data, istext=True)
    return lines if b"\n" in data else lines.replace(b"\n", b"\r\n")


def _base64(data: bytes) -> bytes:
    lines = [b2a_base64(data[at : at + _BASE64_LINE], newline=False) for at in range(0, len(data), _BASE64_LINE)]
    return b"\r\n".join(lines)


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of mails. `field` is the complete `From` field; `domain` (ASCII) is also used in Message-IDs."""

    address: str
    domain: str
    field: str
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Sender":
        """Parse `Name <local@domain>` or `local@domain`. Raises SettingsError naming ANGARIUM_EMAIL_FROM."""
        try:
            name, address = _only_mailbox(checked(text, "From"))
            local, _, domain = address.rpartition("@")
            domain = ascii_domain(domain)
            address = f"{local}@{domain}"
            return cls(address, domain, mailbox("From", name or None, address), name or None)
        except (UnsafeMessage, ValueError):
            raise SettingsError("ANGARIUM_EMAIL_FROM: must be an address such as Name <notify@example.com>") from None

    def named(self, name: str | None) -> str:
        """The `From` field with another name. Raises UnsafeMessage."""
        return self.field if name is None else mailbox("From", name, self.address)


def _only_mailbox(text: str) -> tuple[str, str]:
    """Name and address of the one mailbox that `text` is. Raises ValueError for several, and for an open bracket."""
    mailboxes = getaddresses([text])
    if len(mailboxes) != 1 or ("<" in text) is not text.rstrip().endswith(">"):
        raise ValueError("not one mailbox")
    return mailboxes[0]


def message_id(message_key: str, sender: Sender) -> str:
    """`<message_key@domain>`, the same on every attempt (RFC 5322 §3.6.4). Raises UnsafeMessage."""
    if not _MESSAGE_KEY.fullmatch(message_key):
        raise UnsafeMessage("the message key cannot name a mail")
    return f"<{message_key}@{sender.domain}>"


def build_message(outbound: Outbound, *, sender: Sender, date: datetime) -> bytes:
    """Build the mail: CRLF line endings, seven-bit bodies, lines of at most 998 characters, no dot-stuffing.

    Headers are ASCII, except addresses with a local part that is not (RFC 6532). Raises UnsafeMessage for content that
    would add a header or a recipient. `date` is aware, in UTC.
    """
    content = outbound.content
    if not isinstance(content, EmailContent):
        raise UnsafeMessage("not a mail")
    boundary = f"=_{outbound.notification_id.hex}"
    own = outbound.options.email
    fields = [
        f"Date: {_date(date)}",
        sender.field if own is None else sender.named(own.from_name),
        mailbox("To", outbound.address.name, outbound.address.value),
        *(() if own is None else _own_fields(own, copies_of(outbound))),
        unstructured("Subject", content.subject),
        f"Message-ID: {message_id(outbound.message_key, sender)}",
        f"X-Notification-ID: {outbound.notification_id}",
        *(extra(name, value) for name, value in outbound.headers.items()),
        "MIME-Version: 1.0",
    ]
    head = ("\r\n".join(fields) + "\r\n").encode()
    if not outbound.files:
        return head + _parts(content, boundary) + _LINE_BREAK
    inline = inline_of(outbound.files, html=content.html is not None)
    attached = [file for file in outbound.files if file not in inline]
    body = _parts(content, boundary, inline)
    return head + (with_attachments(body, attached, boundary) if attached else body) + _LINE_BREAK


@dataclass(frozen=True, slots=True)
class Copies:
    """Additional recipients: each once, without the mail's own recipient."""

    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()


_NO_COPIES = Copies()


def copies_of(outbound: Outbound) -> Copies:
    """The additional recipients of the mail. Case is ignored, as in most APIs.

    Raises UnsafeMessage for an invalid address, since those of `bcc` are in the envelope but in no header.
    """
    own = outbound.options.email
    if own is None or not (own.cc or own.bcc):
        return _NO_COPIES
    for field, addresses in (("Cc", own.cc), ("Bcc", own.bcc)):
        for address in addresses:
            check_one_address(field, address)
    seen = {outbound.address.value.lower()}
    kept: list[tuple[str, ...]] = []
    for given in (own.cc, own.bcc):
        fresh = {address.lower(): address for address in given if address.lower() not in seen}
        seen |= fresh.keys()
        kept.append(tuple(fresh.values()))
    return Copies(*kept)


def is_international(outbound: Outbound) -> bool:
    """Whether an address in the mail's header is not ASCII and so requires SMTPUTF8 (RFC 6531)."""
    own = outbound.options.email
    further = () if own is None else (own.reply_to or "", *own.cc)
    return not all(address.isascii() for address in (outbound.address.value, *further))


async def built(build: "BuildMessage", outbound: Outbound, *, sender: Sender, date: datetime) -> bytes:
    """Call `build`, in a thread for a mail with attachments. Raises UnsafeMessage."""
    if outbound.files:
        return await asyncio.to_thread(build, outbound, sender=sender, date=date)
    return build(outbound, sender=sender, date=date)


def _own_fields(own: EmailOptions, copies: Copies) -> Iterator[str]:
    if copies.cc:
        yield address_list("Cc", copies.cc)
    if own.reply_to is not None:
        yield mailbox("Reply-To", None, own.reply_to)


class BuildMessage(Protocol):
    """Builds mails: `build_message`, or its plain form `library.build_with_library`."""

    def __call__(self, outbound: Outbound, *, sender: Sender, date: datetime) -> bytes:
        """As `build_message`."""
        ...


def _parts(content: EmailContent, boundary: str, inline: Sequence[File] = ()) -> bytes:
    """The texts as one part, without a trailing line break; `inline`: the inline files of the HTML."""
    if content.html is None:
        return _part("plain", content.text or "", boundary)
    html = _part("html", content.html, boundary)
    if inline:
        html = with_inline(html, inline, boundary)
    if content.text is None:
        return html
    line = b"--" + boundary.encode()
    opening = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    text = _part("plain", content.text, boundary)
    return b"%b%b\r\n%b\r\n%b\r\n%b\r\n%b--" % (opening, line, text, line, html, line)


def _part(subtype: str, text: str, boundary: str) -> bytes:
    encoding, lines = encoded(text, boundary)
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + lines
    )


def _date(moment: datetime) -> str:
    """RFC 5322 §3.3, independent of the locale."""
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    time = f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {time} +0000"
