"""What can go wrong with an SMTP server, each provoked for real."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.testing.providers import outbound
from angarium.testing.smtp.script import Step
from angarium.testing.smtp.server import SmtpServer
from tests.support.certificates import Certificates, make_certificates
from tests.support.clock import ManualClock
from tests.support.mailbox_gateway import quiet_logger
from tests.support.wait import until

Connect = Callable[..., SmtpProvider]
LARGE = "x" * 900 + "\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def connect(clock: ManualClock) -> AsyncIterator[Connect]:
    opened: list[SmtpProvider] = []

    def open_provider(
        server: SmtpServer,
        options: str = "tls=off",
        credentials: str = "",
        host: str = "127.0.0.1",
        patience: timedelta | None = None,
    ) -> SmtpProvider:
        url = ProviderUrl.parse(f"smtp://{credentials}{host}:{server.port}?{options}")
        sender = Sender.parse("Angarium <notify@localhost>")
        provider = from_url(url, sender=sender, clock=clock, logger=quiet_logger(), patience=patience)
        opened.append(provider)
        return provider

    yield open_provider
    for provider in opened:
        await provider.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def timed(sending: Awaitable[Outcome]) -> tuple[Outcome, float]:
    start = time.monotonic()
    return await sending, time.monotonic() - start


async def timed_all(sending: Iterable[Awaitable[Outcome]]) -> tuple[list[Outcome], float]:
    start = time.monotonic()
    return await asyncio.gather(*sending), time.monotonic() - start


@pytest.mark.parametrize("pipelining", [True, False])
async def test_mails_arrive_over_one_session(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        message = outbound()
        for _ in range(5):
            outcome = await provider.send(message)
            assert outcome == Sent("250 2.0.0 queued", f"<{message.message_key}@localhost>")
    assert server.sessions == 1
    assert {(mail.mail, mail.rcpt) for mail in server.received} == {("<notify@localhost>", "<john@example.com>")}
    assert len({mail.data for mail in server.received}) == 1


async def test_there_are_never_more_sessions_than_the_pool(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&pool=3")
        outcomes = await asyncio.gather(*(provider.send(outbound()) for _ in range(200)))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert len(server.received) == 200
    assert server.sessions <= 3


# 23
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.fault(23)
async def test_a_tarpit_is_bounded_and_in_doubt_after_the_dot(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server, "tls=off&timeout=300ms&final_timeout=300ms")
        server.script("john@example.com", Step(tarpit=0.1))
        outcome, seconds = await timed(provider.send(outbound()))
        assert isinstance(outcome, Ambiguous)
        assert 0.25 < seconds < 2
        assert isinstance(await provider.send(outbound()), Sent)


async def test_a_server_that_never_greets_is_retried(connect: Connect) -> None:
    async with SmtpServer(greeting="220-one moment") as server:
        provider = connect(server, "tls=off&timeout=200ms")
        outcome, seconds = await timed(provider.send(outbound()))
        assert isinstance(outcome, Retry)
        assert outcome.provider_fault
        assert seconds < 2


async def test_the_wait_for_a_session_is_not_bounded_by_the_time_of_a_step(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&timeout=300ms&pool=1")
        for recipient in range(6):
            server.script(f"u{recipient}@example.com", Step(tarpit=0.01))  # 0.22 s for the last answer
        sending = (provider.send(outbound(to=f"u{recipient}@example.com")) for recipient in range(6))
        outcomes, seconds = await timed_all(sending)
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert seconds > 1.0
        assert [mail.rcpt for mail in server.received] == [f"<u{recipient}@example.com>" for recipient in range(6)]


async def test_each_step_has_its_own_time(connect: Connect) -> None:
    async with SmtpServer(pipelining=False, delays={"EHLO": 0.2, "MAIL": 0.2, "RCPT": 0.2, "DATA": 0.2}) as server:
        provider = connect(server, "tls=off&timeout=400ms")
        outcome, seconds = await timed(provider.send(outbound()))
        assert isinstance(outcome, Sent)
        assert seconds > 0.7


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_step_that_takes_too_long_is_retried(connect: Connect, step: str, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining, delays={step: 1.5}) as server:
        provider = connect(server, "tls=off&timeout=300ms")
        outcome, seconds = await timed(provider.send(outbound()))
        assert outcome == Retry("no answer within 0.3 s")
        assert seconds < 1.2
        server.delays.clear()
        assert isinstance(await provider.send(outbound()), Sent)
        assert len(server.received) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_mail_whose_final_dot_is_not_sent_in_time_is_taken_back(connect: Connect, step: str) -> None:
    async with SmtpServer(delays={step: 1.5}) as server:
        outcome = await connect(server, patience=timedelta(seconds=0.3)).send(outbound())
        assert outcome == Retry("no answer within 0.3 s")
        server.delays.clear()
    assert not server.received


async def test_a_mail_that_expires_before_its_final_dot_is_taken_back(connect: Connect, clock: ManualClock) -> None:
    async with SmtpServer(delays={"RCPT": 1.5}) as server:
        late = replace(outbound(), expires_at=clock.now() + timedelta(seconds=0.3))
        outcome = await connect(server).send(late)
        assert outcome == Retry("no answer within 0.3 s")
        server.delays.clear()
    assert not server.received


async def test_a_session_that_replaces_a_closed_one_is_not_waited_for_without_end(connect: Connect) -> None:
    async with SmtpServer(mails_per_session=1) as server:
        provider = connect(server, "tls=off&pool=1", patience=timedelta(seconds=0.3))
        assert isinstance(await provider.send(outbound()), Sent)
        server.delays[""] = 1.5  # the next greeting
        outcome, seconds = await timed(provider.send(outbound()))
        assert outcome == Retry("no session in time", unreachable=True)
        assert seconds < 1.2
        server.delays.clear()


async def test_patience_does_not_cut_the_wait_for_the_final_dot(connect: Connect) -> None:
    async with SmtpServer() as server:
        server.script("john@example.com", Step(tarpit=0.03))  # 0.66 s
        assert isinstance(await connect(server, patience=timedelta(seconds=0.3)).send(outbound()), Sent)
        assert len(server.received) == 1


async def test_the_timeout_of_the_url_does_not_cut_the_wait_for_the_final_dot(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&timeout=200ms")
        server.script("john@example.com", Step(tarpit=0.03))  # 0.66 s
        assert isinstance(await provider.send(outbound()), Sent)
        assert len(server.received) == 1


async def test_a_closed_connection_while_waiting_is_replaced(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&pool=1")
        assert isinstance(await provider.send(outbound()), Sent)
        async with provider.acquire(outbound()) as permit:
            server.hang_up()
            await until(lambda: not server.living)
            assert isinstance(await permit.send(), Sent)
        assert server.sessions == 2


async def test_a_permit_that_is_not_used_gives_its_session_back(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&pool=1")
        for _ in range(3):
            async with provider.acquire(outbound()):
                pass
        assert isinstance(await provider.send(outbound()), Sent)
        assert server.sessions == 1


async def test_a_wait_for_a_permit_that_is_cut_takes_no_session(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&pool=1")
        async with provider.acquire(outbound()):
            waiting = asyncio.create_task(provider.send(outbound()))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert isinstance(await provider.send(outbound()), Sent)
        assert (server.sessions, len(server.received)) == (1, 1)


# 24
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("reply", ["450 4.2.0 greylisted", "451 4.7.1 greylisted, come back"])
@pytest.mark.fault(24)
async def test_greylisting_is_later_then_success(connect: Connect, pipelining: bool, reply: str) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.script("john@example.com", Step(rcpt=reply))
        assert await provider.send(outbound()) == Retry(reply, provider_fault=False)
        assert isinstance(await provider.send(outbound()), Sent)
    assert server.sessions == 1


@pytest.mark.parametrize("pipelining", [True, False])
async def test_421_to_a_mail_on_a_new_session_is_retried(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.mail_replies.append("421 4.3.2 shutting down")
        assert await provider.send(outbound()) == Retry("421 4.3.2 shutting down")
        assert isinstance(await provider.send(outbound()), Sent)
    assert server.sessions == 2


# 25
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.fault(25)
async def test_550_5_1_1_is_permanent_and_suppressed(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.script("john@example.com", Step(rcpt="550 5.1.1 <john@example.com>: no such user"))
        assert await provider.send(outbound()) == Permanent("550 5.1.1 [address]: no such user", suppress=True)
        assert isinstance(await provider.send(outbound(to="ann@example.com")), Sent)
    assert [mail.rcpt for mail in server.received] == ["<ann@example.com>"]
    assert server.sessions == 1


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refusal_at_the_end_is_final_and_the_session_lives_on(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.script("john@example.com", Step(final="554 5.7.1 spam"), Step(data="451 4.3.0 not now"), Step())
        assert await provider.send(outbound()) == Permanent("554 5.7.1 spam")
        assert await provider.send(outbound()) == Retry("451 4.3.0 not now")
        assert isinstance(await provider.send(outbound()), Sent)
    assert server.sessions == 1


@pytest.mark.parametrize("refused", ["RCPT", "MAIL"])
async def test_a_server_that_takes_data_all_the_same_gets_no_mail(connect: Connect, refused: str) -> None:
    async with SmtpServer(takes_data_for_nobody=True) as server:
        provider = connect(server)
        if refused == "RCPT":
            server.script("john@example.com", Step(rcpt="550 5.1.1 no such user"))
        else:
            server.mail_replies.append("550 5.1.1 no such user")
        words = "550 5.1.1 no such user"
        expected = Permanent(words, suppress=True) if refused == "RCPT" else Configuration(words)
        assert await provider.send(outbound()) == expected
        assert server.received == []
        assert isinstance(await provider.send(outbound(to="ann@example.com")), Sent)
        assert [mail.rcpt for mail in server.received] == ["<ann@example.com>"]
    assert server.sessions == 1


# 26
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("cut", ["rcpt", "data", "content"])
@pytest.mark.parametrize("text", ["short", LARGE * 20_000])
@pytest.mark.fault(26)
async def test_a_cut_before_the_final_dot_is_safe_to_retry(
    connect: Connect, pipelining: bool, cut: str, text: str
) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.script("john@example.com", Step(cut=cut))  # type: ignore[arg-type]  # the parameter's values are the literals
        message = outbound(content=EmailContent("s", None, text))
        assert await provider.send(message) == Retry("connection closed")
        assert isinstance(await provider.send(message), Sent)
    assert len(server.received) == 1


# 27
@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.fault(27)
async def test_a_cut_after_the_final_dot_is_in_doubt(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        provider = connect(server)
        server.script("john@example.com", Step(cut="final"))
        assert await provider.send(outbound()) == Ambiguous("connection closed")
        assert isinstance(await provider.send(outbound()), Sent)


# 28
@pytest.mark.fault(28)
async def test_starttls_that_was_stripped_sends_nothing(connect: Connect) -> None:
    async with SmtpServer(login=("user", "hunter2")) as server:
        provider = connect(server, "tls=starttls", "user:hunter2@")
        outcome = await provider.send(outbound())
        assert isinstance(outcome, Configuration)
        assert "STARTTLS" in outcome.answer
    assert [command.split()[0] for command in server.commands] == ["EHLO"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.fault(28)
async def test_a_certificate_that_is_not_valid_sends_nothing(
    connect: Connect, certificates: Certificates, tls: str
) -> None:
    context = certificates.server
    server = SmtpServer(starttls=context) if tls == "starttls" else SmtpServer(implicit=context)
    async with server:
        outcome = await connect(server, f"tls={tls}").send(outbound())
        assert isinstance(outcome, Configuration)
        assert "certificate" in outcome.answer
    assert server.received == []
    assert not any(command.startswith(("MAIL", "AUTH")) for command in server.commands)


async def test_a_server_without_tls_on_the_implicit_port_gets_nothing(connect: Connect) -> None:
    async with SmtpServer() as server:
        assert isinstance(await connect(server, "tls=implicit").send(outbound()), Configuration)
    assert server.received == []


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_mails_travel_encrypted_and_logged_in(
    connect: Connect, certificates: Certificates, tls: str, host: str, pipelining: bool
) -> None:
    login, context = ("user", "p@ss:word/"), certificates.server
    starttls, implicit = (context, None) if tls == "starttls" else (None, context)
    async with SmtpServer(login=login, starttls=starttls, implicit=implicit, pipelining=pipelining) as server:
        options = f"tls={tls}&ca={certificates.authority}&pool=2"
        provider = connect(server, options, "user:p%40ss%3Aword%2F@", host)
        large = outbound(content=EmailContent("s", None, LARGE * 2000))
        outcomes = await asyncio.gather(*(provider.send(outbound()) for _ in range(20)), provider.send(large))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert all(mail.encrypted for mail in server.received)
        assert len(server.received) == 21
    assert server.sessions <= 2


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (None, Configuration("535 5.7.8 credentials refused")),
        ("454 4.7.0 temporary failure", Retry("454 4.7.0 temporary failure")),
        ("534 5.7.9 no plain hunter2 here", Configuration("534 5.7.9 no plain [secret] here")),
    ],
)
async def test_a_refused_login(connect: Connect, reply: str | None, expected: Outcome) -> None:
    async with SmtpServer(login=("user", "other"), auth_reply=reply) as server:
        outcome = await connect(server, "tls=off", "user:hunter2@").send(outbound())
    assert outcome == expected


async def test_a_server_that_knows_no_login(connect: Connect) -> None:
    async with SmtpServer() as server:
        assert isinstance(await connect(server, "tls=off", "user:hunter2@").send(outbound()), Configuration)


# 29
@pytest.mark.fault(29)
async def test_a_host_without_a_name_is_retried(connect: Connect) -> None:
    async with SmtpServer() as server:
        outcome = await connect(server, host="no-such-host.invalid").send(outbound())
    assert outcome == Retry("the server's host name was not found", unreachable=True)


async def test_a_server_that_is_down_is_retried(connect: Connect) -> None:
    async with SmtpServer() as server:
        provider = connect(server)
    outcome = await provider.send(outbound())
    assert isinstance(outcome, Retry)
    assert outcome.provider_fault


@pytest.mark.parametrize(
    ("greeting", "kind"), [("421 4.3.2 busy", Retry), ("554 5.7.1 you are listed", Configuration), ("what?", Retry)]
)
async def test_an_invalid_greeting(connect: Connect, greeting: str, kind: type[Outcome]) -> None:
    async with SmtpServer(greeting=greeting) as server:
        assert isinstance(await connect(server).send(outbound()), kind)


async def test_a_server_without_ehlo_is_greeted_the_old_way(connect: Connect) -> None:
    async with SmtpServer(ehlo="502 5.5.1 what") as server:
        assert isinstance(await connect(server).send(outbound()), Sent)
    assert any(command.startswith("HELO") for command in server.commands)


@pytest.mark.parametrize("word", [b"", b"421 4.4.2 idle too long\r\n"])
async def test_an_idle_session_that_the_server_closed_is_replaced(connect: Connect, word: bytes) -> None:
    async with SmtpServer() as server:
        provider = connect(server)
        assert isinstance(await provider.send(outbound()), Sent)
        server.hang_up(word)
        # at once, while the close may still be under way
        assert isinstance(await provider.send(outbound()), Sent)
        await until(lambda: len(server.living) == 1)
        server.hang_up(word)
        await until(lambda: not server.living)
        assert isinstance(await provider.send(outbound()), Sent)
    assert server.sessions == 3
    assert len(server.received) == 3


async def test_a_server_that_limits_mails_for_each_session_costs_no_attempt(connect: Connect) -> None:
    async with SmtpServer(mails_per_session=2) as server:
        provider = connect(server, "tls=off&pool=2")
        outcomes = [await provider.send(outbound()) for _ in range(7)]
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert len(server.received) == 7


async def test_a_session_that_was_idle_for_long_is_renewed(connect: Connect, clock: ManualClock) -> None:
    async with SmtpServer() as server:
        provider = connect(server)
        await provider.send(outbound())
        await clock.advance(3600)
        assert isinstance(await provider.send(outbound()), Sent)
        assert server.sessions == 2


@pytest.mark.parametrize("pipelining", [True, False])
async def test_an_international_address_needs_smtputf8(connect: Connect, pipelining: bool) -> None:
    async with SmtpServer(pipelining=pipelining) as server:
        assert isinstance(await connect(server).send(outbound(to="jörg@exämple.com")), Sent)
        (mail,) = server.received
        assert (mail.mail, mail.rcpt) == ("<notify@localhost> SMTPUTF8", "<jörg@exämple.com>")
    async with SmtpServer(smtputf8=False, pipelining=pipelining) as server:
        provider = connect(server)
        assert isinstance(await provider.send(outbound(to="jörg@exämple.com")), Permanent)
        assert isinstance(await provider.send(outbound()), Sent)
        assert len(server.received) == 1


async def test_a_mail_that_is_too_long_is_not_even_tried(connect: Connect) -> None:
    async with SmtpServer(size=10_000) as server:
        provider = connect(server)
        long = outbound(content=EmailContent("s", None, LARGE * 20))
        assert isinstance(await provider.send(long), Permanent)
        assert isinstance(await provider.send(outbound()), Sent)
        assert len(server.received) == 1


@pytest.mark.parametrize("noise", [b"nonsense\r\n", b"250-" + b"x" * 100_000])
async def test_a_server_that_talks_nonsense_is_not_believed(connect: Connect, noise: bytes) -> None:
    async with SmtpServer() as server:
        provider = connect(server, "tls=off&timeout=2s")
        assert isinstance(await provider.send(outbound()), Sent)
        server.script("john@example.com", Step(final=noise.decode().rstrip("\r\n")))
        assert isinstance(await provider.send(outbound()), Ambiguous)
        assert isinstance(await provider.send(outbound()), Sent)


async def test_a_large_mail_arrives_whole(connect: Connect) -> None:
    text = LARGE * 5000
    async with SmtpServer() as server:
        provider = connect(server)
        assert isinstance(await provider.send(outbound(content=EmailContent("s", None, text))), Sent)
        assert isinstance(await provider.send(outbound()), Sent)
        body = server.received[0].data.partition(b"\r\n\r\n")[2]
        assert body.replace(b"\r\n", b"\n").decode() == text + "\n"


@pytest.mark.parametrize(
    "options",
    [
        "tls=maybe",
        "pool=0",
        "pool=x",
        "pool=100000",
        "timeout=0s",
        "timeout=0ms",
        "final_timeout=0s",
        "final_timeout=x",
        "colour=red",
        "tls=starttls&ca=/no/such/file",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(options: str) -> None:
    def started() -> SmtpProvider:
        url = ProviderUrl.parse(f"smtp://user:hunter2@example.com:587?{options}")
        return from_url(url, sender=Sender.parse("a@b.test"), clock=ManualClock(), logger=quiet_logger())

    with pytest.raises(ValueError, match=r"\w") as caught:
        started()
    assert "hunter2" not in str(caught.value)
