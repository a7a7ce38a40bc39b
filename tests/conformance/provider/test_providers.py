"""What `delivery/provider.py` promises, asked of every provider that needs no outside account."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import cast

import httpx2
import pytest

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.url import from_url
from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Permanent, Retry, Sent
from angarium.delivery.providers.mailbox import MailboxProvider
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.guard.guarded import GuardedClient
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import Signer
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.testing.providers import ProviderConformance, Subject, outbound
from angarium.testing.smtp.server import SmtpServer
from tests.support.email_apis import email_api, mail_of
from tests.support.mailbox_gateway import SERVICE_TOKEN, mailbox_gateway, quiet_logger
from tests.support.phone_apis import DEVICES, HANDLERS, Browser, channel_of, device, keys_of, phone_api


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


class TestEveryProvider(ProviderConformance):
    """What `angarium.testing` offers to packages with providers of their own, asked of ours."""

    @pytest.fixture(params=KINDS, autouse=True)
    def of_kind(self, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        self._kind, self._folder = cast("str", request.param), tmp_path

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        kind = self._kind
        async with AsyncExitStack() as stack:
            if kind.startswith("smtp"):
                yield await smtp_subject(stack, pipelining=kind == "smtp")
            elif kind in APIS:
                yield await api_subject(stack, kind)
            elif kind in PHONES:
                yield await phone_subject(stack, self._folder, kind)
            elif kind == "http":
                yield await http_subject(stack)
            elif kind.startswith("mailbox"):
                yield await mailbox_subject(stack, self._folder, Channel(kind.removeprefix("mailbox-")))
            else:
                yield Subject(SandboxProvider(), Channel(kind.removeprefix("sandbox-")), None)


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


async def test_a_gateway_that_answers_too_late_leaves_a_doubt() -> None:
    answer = asyncio.Event()

    async def handle(_request: httpx2.Request) -> httpx2.Response:
        await answer.wait()
        return httpx2.Response(201)

    transport = httpx2.MockTransport(handle)
    client = ServiceClient("http://gateway", service_token=SERVICE_TOKEN, name="gateway", transport=transport)
    provider = MailboxProvider(client, timeout=timedelta(milliseconds=100))
    assert await provider.send(outbound()) == Ambiguous("no answer within 0.1 s")
    answer.set()
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
