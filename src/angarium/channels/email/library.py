"""Builds mails with the standard library: the plain form of `message.build_message`."""

from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage

from angarium.channels.email.headers import LINE_ALLOWED, UnsafeMessage, check_extra_name, check_one_address, checked
from angarium.channels.email.message import Sender, copies_of, is_international, message_id
from angarium.delivery.provider import Outbound
from angarium.notifications.options import File
from angarium.rendering.content import EmailContent


def build_with_library(outbound: Outbound, *, sender: Sender, date: datetime) -> bytes:
    """As `build_message`. The result looks the same to a reader; encoding and folding may differ."""
    content = outbound.content
    if not isinstance(content, EmailContent):
        raise UnsafeMessage("not a mail")
    address = outbound.address
    check_one_address("To", address.value)
    # an address whose local part is not ASCII cannot be encoded (RFC 6532)
    mail = EmailMessage(
        policy.SMTP.clone(utf8=is_international(outbound), cte_type="7bit", max_line_length=LINE_ALLOWED)
    )
    mail["Date"] = date
    own = outbound.options.email
    name = own.from_name if own is not None and own.from_name is not None else sender.name
    mail["From"] = _mailbox("From", sender.address, checked(name or "", "the name in From"))
    mail["To"] = _mailbox("To", address.value, checked(address.name or "", "the name in To"))
    if own is not None and (copies := copies_of(outbound)).cc:
        mail["Cc"] = [_mailbox("Cc", copy) for copy in copies.cc]
    if own is not None and own.reply_to is not None:
        mail["Reply-To"] = _mailbox("Reply-To", own.reply_to)
    mail["Subject"] = checked(content.subject, "Subject")
    mail["Message-ID"] = message_id(outbound.message_key, sender)
    mail["X-Notification-ID"] = str(outbound.notification_id)
    for name, value in outbound.headers.items():
        check_extra_name(name)
        mail[name] = checked(value, name)
    boundary = f"=_{outbound.notification_id.hex}"
    _fill(mail, content, boundary)
    _attach(mail, outbound.files)
    return mail.as_bytes()


def _mailbox(field: str, address: str, name: str = "") -> Mailbox:
    check_one_address(field, address)
    local, _, domain = address.rpartition("@")
    return Mailbox(name, local, domain)


def _attach(mail: EmailMessage, files: Sequence[File]) -> None:
    html = mail.get_body(("html",))
    for file in files:
        info = file.info
        described = EmailMessage()
        described["Content-Type"] = checked(info.content_type, "content_type")
        kind = described["Content-Type"]
        cid = None if info.content_id is None else f"<{checked(info.content_id, 'content_id')}>"
        inline = cid is not None and html is not None
        add = html.add_related if inline and html is not None else mail.add_attachment
        add(
            file.content,
            kind.maintype,
            kind.subtype,
            filename=checked(info.filename, "filename"),
            cid=cid,
            disposition="inline" if inline else "attachment",
            params=dict(kind.params),
        )


def _fill(mail: EmailMessage, content: EmailContent, boundary: str) -> None:
    try:
        if content.text is not None or content.html is None:
            text = content.text or ""
            mail.set_content(text, cte=_encoding(text, boundary))
        if content.html is not None and content.text is not None:
            mail.add_alternative(content.html, subtype="html", cte=_encoding(content.html, boundary))
            mail.set_boundary(boundary)
        elif content.html is not None:
            mail.set_content(content.html, subtype="html", cte=_encoding(content.html, boundary))
    except UnicodeEncodeError as error:
        raise UnsafeMessage("the text is not Unicode") from error


def _encoding(text: str, boundary: str) -> str | None:
    """The Content-Transfer-Encoding, if the library's choice would not preserve every text."""
    return "quoted-printable" if "\0" in text or boundary in text else None
