"""Nothing that a caller or a template says can add a header, a recipient or a mail; seen on the wire."""

import sys
from email import policy
from email.parser import BytesParser
from functools import partial

import pytest

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Permanent, Sent
from angarium.delivery.provider import Address, Outbound
from angarium.notifications.options import AttachmentInfo, EmailOptions, File, Options
from angarium.platform.clock import SystemClock
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.testing.providers import outbound
from angarium.testing.smtp.server import SmtpServer
from tests.support.mailbox_gateway import quiet_logger

INJECTIONS = [
    "Hello\r\nBcc: x@y.z",
    "Hello\nBcc: x@y.z",
    "Hello\rBcc: x@y.z",
    "Hello\u2028Bcc: x@y.z",
    "Hello\u2029Bcc: x@y.z",
    "Hello\x85Bcc: x@y.z",
    "Hello\x0bBcc: x@y.z",
    "Hello\x00",
    "A =?UTF-8?Q?=0A?=Bcc: x@y.z",
    "A =?utf-8?b?DQpCY2M6IHhAeS56?=",
    "A =?utf-8*en?q?=0D=0A?=Bcc: x@y.z",
]


def provider_for(server: SmtpServer, *, fast_paths: bool = True) -> SmtpProvider:
    return from_url(
        ProviderUrl.parse(f"smtp://127.0.0.1:{server.port}"),
        sender=Sender.parse("Angarium <notify@localhost>"),
        clock=SystemClock(),
        logger=quiet_logger(),
        fast_paths=fast_paths,
    )


@pytest.fixture(autouse=True, params=[True, False], ids=["direct", "library"])
def _both_forms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here is of both forms of a mail."""
    monkeypatch.setattr(sys.modules[__name__], "provider_for", partial(provider_for, fast_paths=request.param))


def poisoned(text: str) -> list[Outbound]:
    return [
        outbound(content=EmailContent(text, "<p>x</p>", "x")),
        outbound(name=text),
        outbound(headers={"Reply-To": text}),
        outbound(headers={"X-Order": text}),
        outbound(headers={text: "x"}),
        outbound(message_key=text),
        outbound(options=Options(email=EmailOptions(from_name=text))),
        outbound(options=Options(email=EmailOptions(reply_to=f"a@example.org{text}"))),
        outbound(options=Options(email=EmailOptions(cc=("b@example.org", f"a@example.org{text}")))),
        outbound(options=Options(email=EmailOptions(bcc=(f"a@example.org{text}",)))),
        outbound(files=(File(AttachmentInfo(text, "text/plain", 1), b"x"),)),
        outbound(files=(File(AttachmentInfo("a", f"text/plain{text}", 1), b"x"),)),
        outbound(files=(File(AttachmentInfo("a", "text/plain", 1, text), b"x"),)),
        outbound(address=Address(f"{text}@example.com")),
        outbound(address=Address(f"a@{text}.example.com")),
    ]


@pytest.mark.parametrize("text", INJECTIONS)
async def test_injections_are_refused_and_nothing_reaches_the_wire(text: str) -> None:
    async with SmtpServer() as server:
        provider = provider_for(server)
        for message in poisoned(text):
            outcome = await provider.send(message)
            assert isinstance(outcome, Permanent)
            assert not outcome.suppress
        assert isinstance(await provider.send(outbound()), Sent)
        await provider.close()
    (mail,) = server.received
    assert mail.rcpt == "<john@example.com>"
    assert not [command for command in server.commands if "y.z" in command]
    parsed = BytesParser(policy=policy.default).parsebytes(mail.data)
    assert parsed["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    ["a@x.test>\r\nRCPT TO:<b@x.test", "a@x.test,b@x.test", "a b@x.test", '"a@evil.com, b" <b@x>', "<a@x.test>", ""],
)
async def test_an_address_is_one_address(address: str) -> None:
    async with SmtpServer() as server:
        provider = provider_for(server)
        assert isinstance(await provider.send(outbound(to=address)), Permanent)
        await provider.close()
    assert server.received == []
    assert server.sessions == 0


@pytest.mark.parametrize("end", ["\n.\n", "\r\n.\r", "\n.\r\n", "\r.\r", "\r\n.\r\n", "\r.\n", "\r\n\x00.\r\n"])
@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("pipelining", [False, True])
async def test_a_body_cannot_smuggle_a_second_mail(end: str, lenient: bool, pipelining: bool) -> None:
    smuggled = f"first{end}MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@x.test>\r\nDATA\r\nhello{end}last"
    async with SmtpServer(lenient_end=lenient, pipelining=pipelining) as server:
        provider = provider_for(server)
        for content in (EmailContent("s", None, smuggled), EmailContent("s", smuggled, smuggled)):
            assert isinstance(await provider.send(outbound(content=content)), Sent)
        await provider.close()
    assert [mail.rcpt for mail in server.received] == ["<john@example.com>"] * 2
    for mail in server.received:
        part = BytesParser(policy=policy.default).parsebytes(mail.data).get_body(("plain",))
        assert part is not None
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.rstrip().endswith(b"last")


async def test_lines_of_dots_arrive_as_they_were() -> None:
    text = ".\n..\n...\n.a\n\n.\nend"
    async with SmtpServer() as server:
        provider = provider_for(server)
        assert isinstance(await provider.send(outbound(content=EmailContent("s", None, text))), Sent)
        await provider.close()
    (mail,) = server.received
    assert mail.data.partition(b"\r\n\r\n")[2].decode().replace("\r\n", "\n") == text + "\n"
