"""Twilio and Vonage against a scripted server: each request as the published API asks for it, each answer by the table.

Twilio: https://www.twilio.com/docs/messaging/api/message-resource
Vonage: https://developer.vonage.com/en/api/messages
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from angarium.channels.sms.providers import twilio, vonage
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import SmsContent
from angarium.testing.http_api import Reply, ScriptedApi, scripted_api
from angarium.testing.providers import outbound
from tests.support.clock import ManualClock
from tests.support.phone_apis import ACCOUNT, FROM, HANDLERS, KEY, SERVICE, TO, TOKEN, configured

TEXTS = ["Your code is 123456", "Grüße, 100 € & mehr = gut + schön", "こんにちは 👋", "a" * 900]


def twilio_url(origin: str, sender: str = FROM, more: str = "") -> str:
    return f"twilio://{ACCOUNT}:{TOKEN}@{sender}?base_url={origin}{more}"


def vonage_url(origin: str, sender: str = "14155550100") -> str:
    return f"vonage://abcd1234:{TOKEN}@{sender}?base_url={origin}"


def sms(text: str = "Hello", **changes: Any) -> Outbound:
    return outbound(Channel.SMS, to=TO, content=SmsContent(text), **changes)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("sender", [FROM, SERVICE, "Angarium", "12345"])
async def test_twilio_gets_what_its_api_asks_for(text: str, sender: str) -> None:
    async with (
        scripted_api(HANDLERS["twilio"]) as api,
        configured(Channel.SMS, twilio_url(api.origin, sender)) as (provider,),
    ):
        assert await provider.send(sms(text)) == Sent("201", "SM" + "d4" * 16)
    form = dict(parse_qsl(api.calls[0].body.decode()))
    assert form == {"To": TO, "MessagingServiceSid" if sender == SERVICE else "From": sender, "Body": text}


async def test_twilio_takes_an_api_key_for_an_account() -> None:
    async with (
        scripted_api(HANDLERS["twilio"]) as api,
        configured(Channel.SMS, f"twilio://{KEY}:{TOKEN}@{FROM}?account={ACCOUNT}&base_url={api.origin}") as (
            provider,
        ),
    ):
        assert isinstance(await provider.send(sms()), Sent)


@pytest.mark.parametrize("text", TEXTS)
async def test_vonage_gets_what_its_api_asks_for(text: str) -> None:
    message = sms(text)
    async with scripted_api(HANDLERS["vonage"]) as api, configured(Channel.SMS, vonage_url(api.origin)) as (provider,):
        assert await provider.send(message) == Sent("202", message.message_key)
    fields = api.calls[0].json
    assert (fields["text"], fields["from"], fields["client_ref"]) == (text, "14155550100", message.message_key)
    assert fields["sms"] == {"encoding_type": "unicode" if "こ" in text else "text"}


@pytest.mark.parametrize(("seconds", "validity", "ttl"), [(300, 300, 300), (5, 5, 20), (10**6, 36_000, 604_800)])
async def test_what_expires_is_not_delivered_later(seconds: int, validity: int, ttl: int) -> None:
    clock = ManualClock()
    message = sms(expires_at=clock.now() + timedelta(seconds=seconds))
    to_twilio = await twilio.from_url(ProviderUrl.parse(twilio_url("http://x")), clock=clock).request(message)
    to_vonage = await vonage.from_url(ProviderUrl.parse(vonage_url("http://x")), clock=clock).request(message)
    assert dict(parse_qsl(to_twilio.body.decode()))["ValidityPeriod"] == str(validity)
    assert json.loads(to_vonage.body)["ttl"] == ttl


async def test_receipts_are_asked_for_where_they_can_arrive() -> None:
    clock, callback = ManualClock(), "https://angarium.example/webhooks/x/token"
    to_twilio = twilio.from_url(ProviderUrl.parse(twilio_url("http://x")), clock=clock, status_callback=callback)
    to_vonage = vonage.from_url(ProviderUrl.parse(vonage_url("http://x")), clock=clock, status_callback=callback)
    message = sms()
    named = f"{callback}?notification_id={message.notification_id}"
    assert dict(parse_qsl((await to_twilio.request(message)).body.decode()))["StatusCallback"] == named
    assert json.loads((await to_vonage.request(sms())).body)["webhook_url"] == callback


def twilio_error(status: int, code: int | None, **headers: str) -> Reply:
    message = f"The 'To' number {TO} is not a valid phone number for {TOKEN}"
    return Reply(status=status, headers=headers, body={"code": code, "message": message, "status": status})


SUPPRESS = Permanent("", suppress=True)
PLAIN = Permanent("")
TWILIO: Mapping[str, tuple[Reply, Outcome]] = {
    "21211": (twilio_error(400, 21211), SUPPRESS),
    "21614": (twilio_error(400, 21614), SUPPRESS),
    "21635": (twilio_error(400, 21635), SUPPRESS),
    "21610": (twilio_error(400, 21610), SUPPRESS),
    "21612 no route to it": (twilio_error(400, 21612), PLAIN),
    "21408 country not enabled": (twilio_error(400, 21408), PLAIN),
    "21659 sender of another country": (twilio_error(400, 21659), PLAIN),
    "21617 too long": (twilio_error(400, 21617), PLAIN),
    "429": (twilio_error(429, 20429, **{"retry-after": "3"}), Retry("", timedelta(seconds=3))),
    "429 without a body": (Reply(status=429), Retry("")),
    "400 20429": (twilio_error(400, 20429), Retry("")),
    "21611 queue full": (twilio_error(400, 21611), Retry("")),
    "20003": (twilio_error(401, 20003), Configuration("")),
    "401 without a body": (Reply(status=401), Configuration("")),
    "20005 account not active": (twilio_error(403, 20005), Configuration("")),
    "21606 sender not ours": (twilio_error(400, 21606), Configuration("")),
    "20404 no such account": (twilio_error(404, 20404), Configuration("")),
    "404 of another server": (Reply(status=404, body="<html>"), Configuration("")),
    "503": (twilio_error(503, 20503), Retry("")),
    "500 20503": (twilio_error(500, 20503), Retry("")),
    "503 of a proxy": (Reply(status=503, body="<html>"), Retry("")),
    "20500": (twilio_error(500, 20500), Ambiguous("")),
    "502": (Reply(status=502, body="<html>"), Ambiguous("")),
    "504": (Reply(status=504), Ambiguous("")),
    "302": (Reply(status=302, headers={"location": "http://127.0.0.1:9/"}), Configuration("")),
    "cut": (Reply(status=201, body={"sid": "SM1"}, cut=60), Ambiguous("")),
    "reset": (Reply(status=201, cut=0, reset=True), Ambiguous("")),
}


def vonage_error(status: int, code: str, **headers: str) -> Reply:
    where = f"https://developer.vonage.com/api-errors/messages#{code}"
    problem = {"type": where, "title": "Refused", "detail": f"{TO} for {TOKEN}", "instance": "bf0ca0bf927b3b52"}
    return Reply(status=status, headers=headers, body=problem)


VONAGE: Mapping[str, tuple[Reply, Outcome]] = {
    "429 1000": (vonage_error(429, "1000", **{"retry-after": "2"}), Retry("", timedelta(seconds=2))),
    "429": (Reply(status=429), Retry("")),
    "422 1020": (vonage_error(422, "1020"), PLAIN),
    "422 1040": (vonage_error(422, "1040"), PLAIN),
    "422 1050 barred": (vonage_error(422, "1050"), PLAIN),
    "422 1160 not in the list of a trial": (vonage_error(422, "1160"), PLAIN),
    "422 1170": (vonage_error(422, "1170"), SUPPRESS),
    "403 1060": (vonage_error(403, "1060"), Configuration("")),
    "422 1070": (vonage_error(422, "1070"), Configuration("")),
    "422 1120 sender not allowed in that country": (vonage_error(422, "1120"), PLAIN),
    "402": (vonage_error(402, "low-balance"), Configuration("")),
    "401": (vonage_error(401, "unauthorized"), Configuration("")),
    "404": (Reply(status=404, body="<html>"), Configuration("")),
    "503": (Reply(status=503), Retry("")),
    "500": (vonage_error(500, "1030"), Ambiguous("")),
    "502": (Reply(status=502, body="<html>"), Ambiguous("")),
    "cut": (Reply(status=202, body={"message_uuid": "u"}, cut=60), Ambiguous("")),
}


async def outcome_of(api: ScriptedApi, url: str) -> Outcome:
    async with configured(Channel.SMS, url) as (provider,):
        return await provider.send(sms())


def check(outcome: Outcome, expected: Outcome) -> None:
    assert type(outcome) is type(expected)
    assert TOKEN not in outcome.answer
    assert TO.lstrip("+") not in outcome.answer
    match outcome, expected:
        case Permanent(), Permanent():
            assert outcome.suppress == expected.suppress
        case Retry(), Retry():
            assert (outcome.after, outcome.provider_fault) == (expected.after, True)


@pytest.mark.parametrize("case", TWILIO)
async def test_each_answer_of_twilio(case: str) -> None:
    reply, expected = TWILIO[case]
    async with scripted_api(None, reply) as api:
        check(await outcome_of(api, twilio_url(api.origin)), expected)
    assert len(api.calls) == 1, "one request, no redirect"


@pytest.mark.parametrize("case", VONAGE)
async def test_each_answer_of_vonage(case: str) -> None:
    reply, expected = VONAGE[case]
    async with scripted_api(None, reply) as api:
        check(await outcome_of(api, vonage_url(api.origin)), expected)


@pytest.mark.parametrize("module", [twilio, vonage])
def test_each_row_cites_its_page(module: Any) -> None:
    assert all(row.source.startswith("https://") for row in module.ROWS)


def test_each_code_of_the_tables_has_a_case() -> None:
    tested = {case.split()[0] for case in TWILIO} | {case.split()[1] for case in TWILIO if " 2" in case}
    rows = {code for row in twilio.ROWS if row.verdict.name == "SUPPRESS" for code in row.codes}
    assert rows <= tested


async def test_an_answer_that_comes_too_late_is_in_doubt() -> None:
    async with scripted_api(None, Reply(status=201, cut=0)) as api:
        outcome = await outcome_of(api, twilio_url(api.origin, more="&timeout=200ms"))
    assert isinstance(outcome, Ambiguous)


async def test_a_server_that_is_down_is_the_providers_fault() -> None:
    async with scripted_api() as api:
        url = twilio_url(api.origin)
    assert isinstance(outcome := await outcome_of(api, url), Retry)
    assert outcome.provider_fault


@pytest.mark.parametrize(
    "url",
    [
        f"twilio://{ACCOUNT}@{FROM}",
        f"twilio://a user:{TOKEN}@{FROM}",
        f"twilio://{ACCOUNT}:{TOKEN}@",
        f"twilio://{ACCOUNT}:{TOKEN}@+0",
        f"twilio://{ACCOUNT}:{TOKEN}@a-name-that-is-too-long",
        f"twilio://{KEY}:{TOKEN}@{FROM}",
        f"twilio://{KEY}:{TOKEN}@{FROM}?account={KEY}",
        f"twilio://{ACCOUNT}:{TOKEN}@{FROM}/x",
        f"twilio://{ACCOUNT}:{TOKEN}@{FROM}?colour=red",
        f"twilio://{ACCOUNT}:{TOKEN}@{FROM}?base_url=ftp://x",
        f"vonage://:{TOKEN}@Angarium",
        f"vonage://key:{TOKEN}@",
        f"vonage://key:{TOKEN}@a-name-that-is-too-long",
        f"vonage://key:{TOKEN}@Angarium?signature=x",
        f"vonage://key:{TOKEN}@Angarium:80",
    ],
)
async def test_a_wrong_url_stops_the_start_with_a_line_that_shows_no_secret(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        async with configured(Channel.SMS, url):
            pass
    text = str(caught.value)
    assert text.startswith("ANGARIUM_SMS_PROVIDERS: ")
    assert not any(secret in text for secret in (TOKEN, ACCOUNT, KEY))
    assert "\n" not in text


@pytest.mark.parametrize(
    "message",
    [
        outbound(Channel.PUSH), outbound(Channel.SMS, content=SmsContent("\ud800")), sms("x" * 2000),
        outbound(Channel.SMS, to=""), outbound(Channel.SMS, to="+1415\r\n"), outbound(Channel.SMS, to="+١٢٣٤٥٦٧"),
    ],
)  # fmt: skip
async def test_what_can_never_be_sent_is_refused_before_a_request(message: Outbound) -> None:
    async with (
        scripted_api() as api,
        configured(Channel.SMS, twilio_url(api.origin), vonage_url(api.origin)) as providers,
    ):
        for provider in providers:
            assert isinstance(await provider.send(message), Permanent)
    assert api.calls == []


async def test_text_cannot_add_a_field() -> None:
    async with scripted_api(HANDLERS["twilio"]) as api, configured(Channel.SMS, twilio_url(api.origin)) as (provider,):
        await provider.send(sms("x&StatusCallback=https://evil.example/&Body=y\r\nTo: z"))
    assert set(parse_qs(api.calls[0].body.decode())) == {"To", "From", "Body"}
