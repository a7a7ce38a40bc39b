"""The SMTP provider and a real Postfix: STARTTLS, login by password and by token, and what its refusals mean."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Configuration, Permanent, Retry, Sent
from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.testing.http_api import Reply, scripted_api
from angarium.testing.providers import outbound
from angarium.testing.smtp.server import SmtpServer
from tests.conformance.provider.test_smtp_dkim import UNSUBSCRIBE, record, written
from tests.support.certificates import make_certificates
from tests.support.mailbox_gateway import quiet_logger
from tests.support.servers import AuthServer, MissingServer, Postfix
from tests.support.wait import until

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix is started by root alone"),
]


@dataclass(frozen=True, slots=True)
class Relay:
    """A Postfix, who may log in, and the server that it hands mails on to."""

    postfix: Postfix
    auth: AuthServer
    sink: SmtpServer
    authority: Path

    def provider(
        self, options: str = "", credentials: str = "ann%40example.com:p%2Fw", sender: str = ""
    ) -> SmtpProvider:
        url = f"smtp://{credentials}@localhost:{self.postfix.port}?tls=starttls&ca={self.authority}&{options}"
        return from_url(
            ProviderUrl.parse(url),
            sender=Sender.parse(sender or "Angarium <notify@example.org>"),
            clock=SystemClock(),
            logger=quiet_logger(),
            client=lambda: Http1Client(SystemClock()),
        )


@pytest.fixture
async def relay(servers_folder: Path, tmp_path: Path) -> AsyncIterator[Relay]:
    certificates = make_certificates(tmp_path)
    auth = AuthServer()
    await auth.start()
    async with SmtpServer() as sink:
        folder = servers_folder / f"postfix-{os.getpid()}-{sink.port}"
        try:
            postfix = Postfix(folder, relay=sink.port, auth=auth.port, certificate=tmp_path / "server.pem")
        except MissingServer as missing:
            pytest.exit(str(missing), returncode=1)
        try:
            await postfix.start()
            yield Relay(postfix, auth, sink, certificates.authority)
        finally:
            await postfix.kill()
            await auth.stop()


async def test_mails_pass_a_real_relay(relay: Relay, tmp_path: Path) -> None:
    """One start of Postfix serves all of this: login, a signature, every form of mail, and its refusals."""
    relay.auth.passwords["ann@example.com"] = "p/w"
    key = rsa.generate_private_key(65537, 2048)
    smtp = relay.provider(f"pool=4&dkim_key={written(tmp_path, key)}&dkim_selector=s1")
    contents = [
        EmailContent("Hello", "<p>Hello</p>", "Hello"),
        EmailContent("Grüße " + "ü" * 300, "<p>" + "é" * 5000 + "</p>", "dots\n.\n..\n.x\n" + "y" * 3000),
        EmailContent("Empty", None, None),
    ]
    messages = [outbound(content=content, name="Åda", headers=UNSUBSCRIBE) for content in contents * 4]
    messages.append(outbound(to="jöhn@bücher.example", content=contents[0]))  # SMTPUTF8
    outcomes = await asyncio.gather(*(smtp.send(message) for message in messages))
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes
    await until(lambda: len(relay.sink.received) == len(messages), 30)
    look_up = record(key, b"s1._domainkey.example.org.")
    assert all(dkim.verify(mail.data, dnsfunc=look_up) for mail in relay.sink.received)
    keys = {message.message_key for message in messages}
    assert {
        mail.data.partition(b"Message-ID: <")[2].partition(b"@")[0].decode() for mail in relay.sink.received
    } == keys
    await _check_refusals(smtp)
    await smtp.close()
    await _check_sender(relay)


async def _check_refusals(smtp: SmtpProvider) -> None:
    gone, slow = await smtp.send(outbound(to="gone@example.com")), await smtp.send(outbound(to="slow@example.com"))
    assert isinstance(gone, Permanent)
    assert gone.suppress
    assert gone.answer.startswith("550 5.1.1")
    assert slow == Retry(slow.answer, provider_fault=False)
    long = await smtp.send(outbound(content=EmailContent("long", None, "x\n" * 200_000)))
    assert long == Permanent("the mail is longer than the 200000 bytes that the server takes")
    assert isinstance(await smtp.send(outbound()), Sent), "the sessions are as good as before"


async def _check_sender(relay: Relay) -> None:
    """What Postfix says of a sender that is not the user's is about us, not about the recipient."""
    smtp = relay.provider(sender="other@example.org")
    outcome = await smtp.send(outbound())
    assert isinstance(outcome, Configuration)
    assert outcome.answer.startswith("553 5.7.1")
    await smtp.close()


async def test_logins_are_accepted_and_refused(relay: Relay) -> None:
    relay.auth.passwords["ann@example.com"] = "other"
    smtp = relay.provider()
    refused = await smtp.send(outbound())
    assert isinstance(refused, Configuration)
    assert refused.answer.startswith("535 5.7.8")
    await smtp.close()
    token = "client_id=i&client_secret=s&refresh_token=r"
    async with scripted_api() as api:
        given = iter(["t1", "t2"])
        api.handler = lambda _call: Reply(body={"access_token": next(given), "expires_in": 3600})
        options = f"auth=xoauth2&{token}&token_url={api.origin}/token"
        relay.auth.tokens = {"t2"}
        smtp = relay.provider(options, credentials="ann%40example.com")
        assert isinstance(await smtp.send(outbound()), Sent), "the first token is refused, the second one is good"
        assert relay.auth.answered_challenges == [""]
        assert len(api.calls) == 2
        await smtp.close()
    await until(lambda: len(relay.sink.received) == 1, 30)


async def test_a_certificate_of_an_unknown_authority_gets_nothing(relay: Relay) -> None:
    smtp = from_url(
        ProviderUrl.parse(f"smtp://ann:canary@localhost:{relay.postfix.port}?tls=starttls"),
        sender=Sender.parse("Angarium <notify@example.org>"),
        clock=SystemClock(),
        logger=quiet_logger(),
    )
    outcome = await smtp.send(outbound())
    assert isinstance(outcome, Configuration)
    assert "certificate is not valid" in outcome.answer
    await smtp.close()
