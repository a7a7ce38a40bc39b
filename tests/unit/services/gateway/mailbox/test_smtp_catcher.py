import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtplib import SMTP, SMTPDataError

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.contracts.mailbox import MailboxMessage
from angarium.delivery.outcome import Sent
from angarium.platform.clock import SystemClock
from angarium.platform.identifiers import Identifiers
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.services.gateway.mailbox.smtp_catcher import MOST_PARTS, MOST_RECIPIENTS, SmtpCatcher, caught
from angarium.services.gateway.mailbox.store import MailboxStore
from angarium.testing.providers import outbound
from angarium.testing.smtp.server import SmtpServer
from tests.support.mailbox_gateway import quiet_logger


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MailboxStore]:
    clock = SystemClock()
    made = MailboxStore(tmp_path, clock=clock, identifiers=Identifiers(clock))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def catcher(store: MailboxStore) -> AsyncIterator[SmtpCatcher]:
    made = SmtpCatcher(store, port=0, logger=quiet_logger())
    await made.start()
    yield made
    await made.close()
    await made.close()


async def newest(store: MailboxStore) -> MailboxMessage:
    message = await store.get(MailboxFilter())
    assert message is not None
    return message


async def test_our_own_mails_are_caught_with_all_their_parts(store: MailboxStore, catcher: SmtpCatcher) -> None:
    provider = from_url(
        ProviderUrl.parse(f"smtp://127.0.0.1:{catcher.port}?pool=2"),
        sender=Sender.parse("Angarium <notify@localhost>"),
        clock=SystemClock(),
        logger=quiet_logger(),
    )
    message = outbound(to="jörg@x.test", content=EmailContent("Grüße 日本", "<p>é\n.\n</p>", "é\n.\nend"))
    assert isinstance(await provider.send(message), Sent)
    many = await asyncio.gather(*(provider.send(outbound()) for _ in range(50)))
    await provider.close()
    assert all(isinstance(outcome, Sent) for outcome in many)
    found, total = await store.find(MailboxFilter(to="jörg@x.test"), limit=10)
    assert len(found) == 1
    assert total == 1
    assert (await store.find(MailboxFilter(tenant="default"), limit=1))[1] == 51
    kept = found[0]
    assert (kept.subject, kept.html, kept.text) == ("Grüße 日本", "<p>é\n.\n</p>", "é\n.\nend")
    assert kept.from_ == "Angarium <notify@localhost>"
    assert kept.notification_id == message.notification_id
    assert kept.headers["Message-ID"] == f"<{message.message_key}@localhost>"


async def test_a_port_that_is_taken_is_replaced_by_a_free_one(store: MailboxStore) -> None:
    async with SmtpServer() as taken:
        catcher = SmtpCatcher(store, port=taken.port, logger=quiet_logger())
        await catcher.start()
        assert catcher.port not in {0, taken.port}
        await catcher.close()


async def test_open_connections_end_with_it(store: MailboxStore) -> None:
    catcher = SmtpCatcher(store, port=0, logger=quiet_logger())
    await catcher.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", catcher.port)
    assert (await reader.readline()).startswith(b"220")
    await catcher.close()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_mail_to_several_is_kept_for_each(store: MailboxStore) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "s", "a@x.test", "undisclosed"
    mail.set_content("text")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="x.bin")
    messages = caught(mail.as_bytes(), "bounce@x.test", ["b@x.test", "c@x.test"])
    await store.add("default", messages)
    assert [message.to for message in messages] == ["b@x.test", "c@x.test"]
    assert (await newest(store)).text == "text\n"
    assert (await newest(store)).notification_id is None
    [attachment] = (await newest(store)).attachments
    assert (attachment.filename, attachment.size, attachment.content_id) == ("x.bin", 2, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: \xff\xfe\r\n\r\n\xff\xfe",
        b"Content-Type: text/plain; charset=martian\r\n\r\nx",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n",
        b"X-Notification-ID: not a uuid\r\n\r\nx",
        b"Subject: =?utf-8?b?7aCA?=\r\n\r\nx",
        b"To: <<>>,,@\r\nSubject: a\x00b\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
    ],
)
async def test_whatever_comes_is_kept_somehow(store: MailboxStore, raw: bytes) -> None:
    await store.add("default", caught(raw, "a@x.test", ["b@x.test"]))
    assert (await newest(store)).to == "b@x.test"


async def test_a_mail_that_would_take_too_long_or_too_much_is_refused(
    store: MailboxStore, catcher: SmtpCatcher
) -> None:
    nested = "\r\n".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}' for n in range(MOST_PARTS + 1))
    client = SMTP(hostname="127.0.0.1", port=catcher.port)
    async with client:
        with pytest.raises(SMTPDataError, match="too many parts"):
            await client.sendmail("a@x.test", ["b@x.test"], nested)
        with pytest.raises(SMTPDataError, match="too large"):
            await client.sendmail("a@x.test", [f"{n}@x.test" for n in range(80)], (b"x" * 70 + b"\r\n") * 14_000)
        answers, _ = await client.sendmail("a@x.test", [f"{n}@x.test" for n in range(MOST_RECIPIENTS + 1)], "Hi")
        assert [code for code, _ in answers.values()] == [452]
    _, total = await store.find(MailboxFilter(), limit=1)
    assert total == MOST_RECIPIENTS
