"""What `delivery/provider.py` promises, asked of every provider that needs no outside account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address, Outbound, Provider
from angarium.delivery.providers.mailbox import MailboxProvider
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.guard.guarded import GuardedClient
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import Signer
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.services.gateway.mailbox.store import MailboxFilter
from angarium.testing.smtp.server import SmtpServer
from tests.support.email_apis import email_api, mail_of
from tests.support.mailbox_gateway import SERVICE_TOKEN, mailbox_gateway, quiet_logger
from tests.support.outbound import outbound
from tests.support.phone_apis import DEVICES, HANDLERS, Browser, channel_of, device, keys_of, phone_api

Arrived = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider, a channel it serves, and the message keys of what arrived (None: nothing tells).

    `address`: where to, if not the usual. `names_key`: the provider's own id holds the key.
    """

    provider: Provider
    channel: Channel
    arrived: Arrived | None
    address: Address | None = None
    names_key: bool = True

    def message(self, **changes: Any) -> Outbound:
        given = {} if self.address is None else {"address": self.address}
        return outbound(self.channel, **{**given, **changes})


async def smtp_subject(stack: AsyncExitStack, *, pipelining: bool) -> Subject:
    server = await stack.enter_async_context(SmtpServer(pipelining=pipelining))
    provider = from_url(
        ProviderUrl.parse(f"smtp://127.0.0.1:{server.port}?pool=4&tls=off"),
        sender=Sender.parse("Angarium <notify@localhost>"),
        clock=SystemClock(),
        logger=quiet_logger(),
    )

    async def arrived() -> Sequence[str]:
        mails = [BytesParser(policy=policy.default).parsebytes(mail.data) for mail in server.received]
        return [mail["Message-ID"].strip("<>").partition("@")[0] for mail in mails]

    return Subject(provider, Channel.EMAIL, arrived)


async def mailbox_subject(stack: AsyncExitStack, folder: Path, channel: Channel) -> Subject:
    gateway = await stack.enter_async_context(mailbox_gateway(folder))
    client = ServiceClient(
        "http://gateway", service_token=SERVICE_TOKEN, name="gateway", transport=httpx2.ASGITransport(app=gateway.app)
    )
    stack.push_async_callback(client.close)

    async def arrived() -> Sequence[str]:
        messages, _ = await gateway.store.find(MailboxFilter(channel=channel), limit=10_000)
        return [message.headers["Message-ID"].strip("<>").partition("@")[0] for message in messages]

    return Subject(MailboxProvider(client, sender="Angarium <notify@localhost>"), channel, arrived)


async def http_subject(stack: AsyncExitStack) -> Subject:
    keys: list[str] = []

    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    async def answer(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        keys.append(request.headers["webhook-id"])
        return httpx2.Response(200, content=nothing())

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    async def arrived() -> Sequence[str]:
        return keys

    client = GuardedClient(resolve=resolve, transport=httpx2.MockTransport(answer))
    stack.push_async_callback(client.close)
    posts = SignedPosts(client, Signer(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]), SystemClock())
    return Subject(HttpProvider(posts, SystemClock(), at_one_host=1000), Channel.WEBHOOK, arrived)


async def api_subject(stack: AsyncExitStack, kind: str) -> Subject:
    provider, api = await stack.enter_async_context(email_api(kind))

    async def arrived() -> Sequence[str]:
        mails = [mail_of(kind, call) for call in api.calls]
        return [mail["Message-ID"].strip("<>").partition("@")[0] for mail in mails]

    return Subject(provider, Channel.EMAIL, arrived)


async def phone_subject(stack: AsyncExitStack, folder: Path, kind: str) -> Subject:
    provider, api = await stack.enter_async_context(phone_api(kind, folder))
    browser = Browser()

    async def arrived() -> Sequence[str]:
        return keys_of(kind, api.calls, browser)

    address = browser.address() if kind == "webpush" else device(kind) if kind in DEVICES else None
    names_key = kind not in {"twilio", "webpush"}
    return Subject(provider, channel_of(kind), None if kind == "twilio" else arrived, address, names_key)


APIS = ["sendgrid", "mailgun", "ses"]
PHONES = sorted(HANDLERS)
KINDS = ["smtp", "smtp-plain", "http", *APIS, *PHONES]
KINDS += [f"mailbox-{channel}" for channel in Channel] + ["sandbox-email", "sandbox-sms", "sandbox-webhook"]


@pytest.fixture(params=KINDS)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    kind = cast("str", request.param)
    async with AsyncExitStack() as stack:
        if kind.startswith("smtp"):
            made = await smtp_subject(stack, pipelining=kind == "smtp")
        elif kind in APIS:
            made = await api_subject(stack, kind)
        elif kind in PHONES:
            made = await phone_subject(stack, tmp_path, kind)
        elif kind == "http":
            made = await http_subject(stack)
        elif kind.startswith("mailbox"):
            made = await mailbox_subject(stack, tmp_path, Channel(kind.removeprefix("mailbox-")))
        else:
            made = Subject(SandboxProvider(), Channel(kind.removeprefix("sandbox-")), None)
        stack.push_async_callback(made.provider.close)
        yield made


async def test_it_is_named_for_its_technology(subject: Subject) -> None:
    assert subject.provider.name in {"smtp", "http", "mailbox", "sandbox", *APIS, *PHONES}
    assert await subject.provider.ready()


async def test_many_at_once_all_arrive_once(subject: Subject) -> None:
    messages = [subject.message() for _ in range(300)]
    outcomes = await asyncio.gather(*(subject.provider.send(message) for message in messages))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    if subject.arrived is not None:
        assert sorted(await subject.arrived()) == sorted(message.message_key for message in messages)


async def test_every_attempt_has_the_same_key(subject: Subject) -> None:
    first = subject.message()
    second = subject.message(id_=first.notification_id, attempt=2)
    outcomes = [await subject.provider.send(first), await subject.provider.send(second)]
    identifiers = {outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Sent)}
    assert len(outcomes) == 2
    (identifier,) = identifiers
    if subject.names_key:
        assert identifier is not None
        assert first.message_key in identifier
    if subject.arrived is not None:
        assert await subject.arrived() == [first.message_key] * 2


ODD = [
    outbound(content=EmailContent("s", None, None)),
    outbound(content=EmailContent("s\r\nBcc: x@y.z", "<p>x</p>", None)),
    outbound(content=EmailContent("\ud800", "\udfff", None)),
    outbound(content=EmailContent("s", "x\x00y", "\x00")),
    outbound(to=""),
    outbound(to="\ud800@x.test"),
    outbound(name="\udfff"),
    outbound(name="x" * 100_000),
    outbound(headers={"\r\n": "\r\n"}),
    outbound(message_key=""),
    outbound(message_key="\u0000"),
    outbound(Channel.SMS),
    outbound(Channel.PUSH),
    outbound(Channel.WEBHOOK),
]


@pytest.mark.parametrize("message", ODD, ids=range(len(ODD)))
async def test_whatever_it_gets_it_has_an_outcome(subject: Subject, message: Outbound) -> None:
    assert isinstance(await subject.provider.send(message), Outcome)
    assert isinstance(await subject.provider.send(subject.message()), Sent)


async def test_a_bad_one_does_not_harm_its_neighbours(subject: Subject) -> None:
    good = [subject.message() for _ in range(20)]
    bad = subject.message(to="\ud800@x.test")
    outcomes = await asyncio.gather(*(subject.provider.send(message) for message in [*good[:10], bad, *good[10:]]))
    assert [type(outcome) for index, outcome in enumerate(outcomes) if index != 10] == [Sent] * 20


async def test_one_that_is_cancelled_leaves_the_others_alone(subject: Subject) -> None:
    sending = [asyncio.create_task(subject.provider.send(subject.message())) for _ in range(60)]
    await asyncio.sleep(0)
    for task in sending[::2]:
        task.cancel()
    results = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(result, Sent | asyncio.CancelledError) for result in results)
    assert all(isinstance(result, Sent) for result in results[1::2])
    assert isinstance(await subject.provider.send(subject.message()), Sent)


async def test_closed_it_refuses_and_may_be_closed_again(subject: Subject) -> None:
    await subject.provider.send(subject.message())
    await subject.provider.close()
    await subject.provider.close()
    assert isinstance(await subject.provider.send(subject.message()), Retry)
    assert not await subject.provider.ready()


async def test_closing_lets_what_is_under_way_end(subject: Subject) -> None:
    sending = [asyncio.create_task(subject.provider.send(subject.message())) for _ in range(30)]
    await asyncio.sleep(0)
    await subject.provider.close()
    outcomes = await asyncio.gather(*sending)
    assert all(isinstance(outcome, Sent | Retry) for outcome in outcomes)
    if subject.arrived is not None:
        assert len(await subject.arrived()) == sum(isinstance(outcome, Sent) for outcome in outcomes)


async def test_a_gateway_that_is_down_is_retried() -> None:
    async with SmtpServer() as server:  # its port is free again afterwards
        port = server.port
    client = ServiceClient(f"http://127.0.0.1:{port}", service_token="x", name="gateway")
    provider = MailboxProvider(client)
    assert isinstance(await provider.send(outbound()), Retry)
    await provider.close()
    await client.close()


async def test_a_gateway_that_knows_another_token_is_retried(tmp_path: Path) -> None:
    async with mailbox_gateway(tmp_path) as gateway:
        transport = httpx2.ASGITransport(app=gateway.app)
        client = ServiceClient("http://gateway", service_token="wrong", name="gateway", transport=transport)
        provider = MailboxProvider(client)
        assert isinstance(await provider.send(outbound()), Retry)
        await provider.close()
        await client.close()


async def test_large_messages_go_in_several_posts(tmp_path: Path) -> None:
    async with mailbox_gateway(tmp_path) as gateway:
        transport = httpx2.ASGITransport(app=gateway.app)
        client = ServiceClient("http://gateway", service_token=SERVICE_TOKEN, name="gateway", transport=transport)
        provider = MailboxProvider(client)
        content = EmailContent("large", "x" * 1_000_000, None)
        outcomes = await asyncio.gather(*(provider.send(outbound(content=content)) for _ in range(30)))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert (await gateway.store.find(MailboxFilter(), limit=1))[1] == 30
        await provider.close()
        await client.close()


async def test_what_the_mailbox_refuses_is_refused_for_good(tmp_path: Path) -> None:
    async with mailbox_gateway(tmp_path) as gateway:
        transport = httpx2.ASGITransport(app=gateway.app)
        client = ServiceClient("http://gateway", service_token=SERVICE_TOKEN, name="gateway", transport=transport)
        provider = MailboxProvider(client)
        huge = outbound(content=EmailContent("huge", "x" * 20_000_000, None))
        assert isinstance(await provider.send(huge), Permanent)
        await provider.close()
        await client.close()
