"""The source of an email (RFC 5322): reads its attachments, and builds a source for email stored without one."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.mailbox import MailboxMessage

_POLICY = policy.SMTP.clone(max_line_length=998)
_OWN = frozenset({"subject", "from", "to", "date", "mime-version", "content-type", "content-transfer-encoding"})
"""Header fields that are not copied: they are set from the message's own fields or by the library."""


def parsed(raw: bytes) -> EmailMessage:
    """Parse an email. Malformed input is not an error: the parser keeps what it can read."""
    return BytesParser(policy=policy.default).parsebytes(raw)


def file_parts(mail: EmailMessage) -> Iterator[EmailMessage]:
    """The attachments of an email, in order."""
    for part in mail.walk():
        if not part.is_multipart() and (part.get_filename() is not None or part.is_attachment()):
            yield part


def content_of(part: EmailMessage) -> bytes:
    """The decoded content of a part."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def file_in(raw: bytes, index: int) -> bytes | None:
    """The content of the attachment `index` (from 0) of an email, None if there is no such attachment."""
    parts = list(file_parts(parsed(raw)))
    return content_of(parts[index]) if index < len(parts) else None


def built(message: MailboxMessage, files: Sequence[bytes]) -> bytes:
    """Build the source of a stored email. `files`: the contents of its attachments; missing ones are left out.

    CPU-bound: run it in a thread.
    """
    mail = EmailMessage(policy=_POLICY)
    for name, value in _fields(message):
        if name not in mail:
            with suppress(ValueError, IndexError, AttributeError):  # leave out values that the library cannot parse
                mail[name] = value
    mail.set_content(message.text or "")
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    for info, content in zip(message.attachments, files, strict=False):
        _add(mail, info, content)
    return mail.as_bytes()


def _fields(message: MailboxMessage) -> Iterator[tuple[str, str]]:
    yield "From", _line(message.from_)
    yield "To", _line(message.headers.get("To", message.to))
    yield "Subject", _line(message.subject or "")
    yield "Date", format_datetime(message.received_at)
    for name, value in message.headers.items():
        if name.lower() not in _OWN:
            yield name, _line(value)


def _line(value: str) -> str:
    return " ".join(value.split())


def _add(mail: EmailMessage, info: AttachmentView, content: bytes) -> None:
    main, _, sub = info.content_type.partition(";")[0].partition("/")
    main, sub = (main, sub) if main not in {"multipart", "message"} and sub else ("application", "octet-stream")
    inline = "inline" if info.content_id else "attachment"
    cid = f"<{info.content_id}>" if info.content_id else None
    mail.add_attachment(content, maintype=main, subtype=sub, filename=info.filename, cid=cid, disposition=inline)
