"""The email providers with HTTP APIs: what they send, held against the published APIs, and what answers mean."""

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from angarium.channels.api import ApiProvider
from angarium.delivery.outcome import Ambiguous, Configuration, Permanent, Retry, Sent
from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.content import EmailContent
from angarium.testing.http_api import Reply
from angarium.testing.providers import outbound
from tests.support.email_apis import KEYS, api_of, email_api, forms_of, mail_of
from tests.support.mailbox_gateway import quiet_logger
from tests.support.servers.ports import free_port
from tests.support.wait import until

KINDS = ["sendgrid", "mailgun", "ses"]
every = pytest.mark.parametrize("kind", KINDS)
UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://example.org/u/token>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


@every
async def test_a_mail_arrives_with_all_its_parts(kind: str) -> None:
    message = outbound(
        to="ada@xn--bcher-kva.example",
        name='Åda "the first", Lovelace',
        content=EmailContent("Grüße, 你好", "<p>é\r\n.\r\n你好</p>", "é plain\n.\n你好"),
        headers=UNSUBSCRIBE,
    )
    async with email_api(kind) as (provider, api):
        outcome = await provider.send(message)
    assert isinstance(outcome, Sent)
    mail = mail_of(kind, api.calls[0])
    assert mail["From"] == "Angarium <notify@example.org>"
    [to] = mail["To"].addresses if kind != "sendgrid" else [None]
    if to is not None:
        assert (to.addr_spec, to.display_name) == ("ada@xn--bcher-kva.example", 'Åda "the first", Lovelace')
    else:
        [personalization] = api.calls[0].json["personalizations"]
        assert personalization == {"to": [{"email": "ada@xn--bcher-kva.example", "name": 'Åda "the first", Lovelace'}]}
    assert mail["Subject"] == "Grüße, 你好"
    assert mail["Message-ID"] == f"<{message.message_key}@example.org>"
    assert mail["X-Notification-ID"] == str(message.notification_id)
    assert {name: mail[name] for name in UNSUBSCRIBE} == UNSUBSCRIBE
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["é plain", ".", "你好"]
    assert html.get_content().splitlines() == ["<p>é", ".", "你好</p>"]


@every
async def test_receipts_can_be_matched_by_the_notification_and_by_the_providers_id(kind: str) -> None:
    message = outbound()
    async with email_api(kind) as (provider, api):
        outcome = await provider.send(message)
    [call] = api.calls
    match kind:
        case "sendgrid":
            expected = f"sg-{message.message_key}"
            assert call.json["custom_args"] == {"notification_id": str(message.notification_id)}
        case "mailgun":
            expected = f"{message.message_key}@example.org"  # webhooks name it without angle brackets
            variables = {form.name: form.data.decode() for form in forms_of(call)}
            assert variables["v:notification_id"] == str(message.notification_id)
        case _:
            expected = f"ses-{message.message_key}"
            assert call.json["EmailTags"] == [{"Name": "notification_id", "Value": str(message.notification_id)}]
    assert isinstance(outcome, Sent)
    assert outcome.provider_message_id == expected


@every
@pytest.mark.parametrize(
    ("html", "text", "types"),
    [("<p>x</p>", None, ["text/html"]), (None, "x", ["text/plain"]), (None, None, ["text/plain"])],
)
async def test_a_mail_of_one_part_or_none(kind: str, html: str | None, text: str | None, types: Sequence[str]) -> None:
    async with email_api(kind) as (provider, api):
        assert isinstance(await provider.send(outbound(content=EmailContent("s", html, text))), Sent)
    mail = mail_of(kind, api.calls[0])
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == types


INJECTIONS = [
    "Hello\r\nBcc: x@y.z",
    "Hello\nBcc: x@y.z",
    "Hello\rBcc: x@y.z",
    "Hello\u2028Bcc: x@y.z",
    "Hello\x85Bcc: x@y.z",
    "Hello\x00",
    "A =?UTF-8?Q?=0A?=Bcc: x@y.z",
]


@every
@pytest.mark.parametrize("text", INJECTIONS)
async def test_nothing_can_add_a_header_or_a_recipient(kind: str, text: str) -> None:
    poisoned = [
        outbound(content=EmailContent(text, "<p>x</p>", "x")),
        outbound(name=text),
        outbound(headers={"X-Order": text}),
        outbound(headers={text: "x"}),
        outbound(headers={"Bcc": "x@y.z"}),
        outbound(message_key=text),
        outbound(to=f"ada@example.com{text}"),
        outbound(to="ada@example.com, x@y.z"),
        outbound(to="ada <ada@example.com>"),
        outbound(content=EmailContent("\ud800", "x", None)),
        outbound(content=EmailContent("s", "\udfff", None)),
    ]
    async with email_api(kind) as (provider, api):
        outcomes = [await provider.send(message) for message in poisoned]
    assert [(type(outcome), getattr(outcome, "code", None)) for outcome in outcomes] == [
        (Permanent, "invalid_message")
    ] * len(poisoned)
    assert api.calls == []


@every
async def test_a_boundary_in_the_text_ends_nothing(kind: str) -> None:
    message = outbound(content=EmailContent("s", None, "x"))
    text = f'--angarium-{message.notification_id.hex}\r\nContent-Disposition: form-data; name="to"\r\n\r\nx@y.z\r\n'
    evil = outbound(id_=message.notification_id, content=EmailContent("s", None, text))
    async with email_api(kind) as (provider, api):
        assert isinstance(await provider.send(evil), Sent)
    body = mail_of(kind, api.calls[0]).get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == text.split()


@every
async def test_many_sends_share_few_connections(kind: str) -> None:
    async with email_api(kind) as (provider, api):
        outcomes = await asyncio.gather(*(provider.send(outbound()) for _ in range(300)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert len({outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Sent)}) == 300
    assert api.connections <= 128


@every
@pytest.mark.parametrize("reply", [Reply(cut=0), Reply(cut=20), Reply(cut=0, reset=True), Reply(body="x" * 99, cut=90)])
async def test_an_answer_that_is_lost_is_ambiguous(kind: str, reply: Reply) -> None:
    async with email_api(kind) as (provider, api):
        api.replies.append(reply)
        outcome = await provider.send(outbound())
        assert len(api.calls) == 1, "it may have been sent: nothing is sent again"
        assert isinstance(await provider.send(outbound()), Sent)
    assert outcome == Ambiguous("the connection was lost before the answer")


@every
async def test_no_answer_in_time_is_ambiguous(kind: str) -> None:
    gate = asyncio.Event()
    async with email_api(kind, timeout_seconds=0.2) as (provider, api):
        api.replies.append(Reply(after=gate))
        assert await provider.send(outbound()) == Ambiguous("no answer within 0.2 s")
        gate.set()


@every
async def test_no_connection_is_a_fault_of_the_provider(kind: str) -> None:
    clock = SystemClock()
    client = Http1Client(clock)
    origin = f"http://127.0.0.1:{free_port()}"
    provider = ApiProvider(api_of(kind, origin), client, clock=clock, logger=quiet_logger())
    assert await provider.send(outbound()) == Retry("the connection was refused", provider_fault=True, unreachable=True)
    await provider.close()
    await client.close()


@every
async def test_an_error_page_of_some_proxy_is_a_retry(kind: str) -> None:
    async with email_api(kind) as (provider, api):
        api.replies.append(Reply(status=502, headers={"content-type": "text/html"}, body="<html>Bad Gateway</html>"))
        assert await provider.send(outbound()) == Retry("502")


@every
async def test_a_provider_that_asks_for_time_is_given_it(kind: str) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    async with email_api(kind) as (provider, api):
        api.replies += [
            Reply(status=429, headers={"Retry-After": "7"}),
            Reply(status=503, headers={"Retry-After": soon}),
        ]
        first, second = await provider.send(outbound()), await provider.send(outbound())
    assert first == Retry("429", timedelta(seconds=7))
    assert isinstance(second, Retry)
    assert second.after is not None
    assert timedelta(seconds=60) < second.after <= timedelta(seconds=90)


@every
async def test_refused_credentials_pause_the_provider_and_are_not_shown(kind: str) -> None:
    words = f"no access for ada@example.com with {KEYS[kind]}"
    body = {"message": words, "errors": [{"message": words, "field": None}]}
    async with email_api(kind) as (provider, api):
        api.replies.append(Reply(status=403, body=body))
        outcome = await provider.send(outbound(to="ada@example.com"))
    assert isinstance(outcome, Configuration)
    assert outcome.answer == "403 no access for [hidden] with [hidden]"


@every
async def test_a_2xx_of_another_shape_is_sent_without_an_id(kind: str) -> None:
    """The provider took it: a second attempt would send it twice."""
    async with email_api(kind) as (provider, api):
        api.replies.append(Reply(status=202 if kind == "sendgrid" else 200, body="[" * 5000))
        assert await provider.send(outbound()) == Sent("202" if kind == "sendgrid" else "200")


@every
async def test_closing_waits_for_what_is_under_way(kind: str) -> None:
    gate = asyncio.Event()
    async with email_api(kind) as (provider, api):
        api.replies.append(Reply(status=202 if kind == "sendgrid" else 200, after=gate))
        sending = asyncio.create_task(provider.send(outbound()))
        await until(lambda: api.calls)
        closing = asyncio.create_task(provider.close())
        done, _ = await asyncio.wait([closing], timeout=0.05)
        assert not done
        gate.set()
        assert isinstance(await sending, Sent)
        await closing
        assert await provider.send(outbound()) == Retry("the provider is closed", provider_fault=False)
        assert not await provider.ready()


@every
async def test_what_a_provider_echoes_reaches_no_log_and_no_outcome(kind: str) -> None:
    canaries = ["cnry@example.com", "Cnry Lovelace", "+1 415 555 0177", KEYS[kind], "t" * 60]
    words = "invalid: " + "; ".join(canaries)
    body = {"message": words, "errors": [{"message": words, "field": "personalizations.0.to.0.email"}]}
    stream = io.StringIO()
    message = outbound(to=canaries[0], name=canaries[1])
    async with email_api(kind, logger=make_logger("email", stream=stream, level="debug")) as (provider, api):
        replies = [Reply(status=status, body=body) for status in (400, 401, 403, 404, 413, 429, 500, 302)]
        api.replies += [*replies, Reply(status=400, body=words), Reply(cut=0)]
        outcomes = [await provider.send(message) for _ in range(len(api.replies))]
    shown = [*(outcome.answer for outcome in outcomes), stream.getvalue()]
    assert outcomes[0].answer.startswith("400 ")
    assert outcomes[0].answer.endswith("invalid: [hidden]; [hidden]; [number]; [hidden]; [token]")
    assert not [text for text in shown for canary in canaries if canary in text]


@every
async def test_a_fault_of_our_own_is_logged_and_leaves_doubt(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    async with email_api(kind, logger=make_logger("email", stream=stream)) as (provider, api):
        monkeypatch.setattr(type(provider._api), "accepted", lambda *_arguments: 1 / 0)
        assert await provider.send(outbound()) == Ambiguous("internal error (ZeroDivisionError)")
        assert len(api.calls) == 1
    assert "provider.broken" in stream.getvalue()
