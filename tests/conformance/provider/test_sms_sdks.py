"""The official SDKs of Twilio and Vonage: their requests and ours agree."""

import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.rest import Client
from vonage import Auth, Vonage
from vonage_messages.models import Sms, SmsOptions

from angarium.channels.sms.providers import twilio, vonage
from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Outbound
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import SmsContent
from angarium.testing.providers import outbound
from tests.support.clock import ManualClock
from tests.support.phone_apis import ACCOUNT, FROM, TO, TOKEN

TEXTS = ["Your code is 123456", "Grüße, 100 € & mehr = gut + schön", "こんにちは 👋"]


def sms(text: str = "Hello", **changes: Any) -> Outbound:
    return outbound(Channel.SMS, to=TO, content=SmsContent(text), **changes)


@pytest.mark.parametrize("text", TEXTS)
async def test_twilios_own_sdk_asks_for_the_same(text: str) -> None:
    class Recording(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
        def request(self, method: str, uri: str, **options: Any) -> TwilioResponse:
            seen.update(method=method, uri=uri, data=options["data"], auth=options["auth"])
            return TwilioResponse(201, json.dumps({"sid": "SM1"}))

    seen: dict[str, Any] = {}
    Client(ACCOUNT, TOKEN, http_client=Recording()).messages.create(to=TO, from_=FROM, body=text, validity_period=60)
    clock = ManualClock()
    api = twilio.from_url(ProviderUrl.parse(f"twilio://{ACCOUNT}:{TOKEN}@{FROM}"), clock=clock)
    ours = await api.request(sms(text, expires_at=clock.now() + timedelta(seconds=60)))
    assert (ours.method, ours.url) == (seen["method"], seen["uri"])
    theirs = {name: str(value) for name, value in seen["data"].items() if value is not None}
    assert dict(parse_qsl(ours.body.decode())) == theirs
    assert ours.headers["authorization"] == requests.auth._basic_auth_str(*seen["auth"])


@pytest.mark.parametrize("text", TEXTS)
async def test_vonages_own_sdk_asks_for_the_same(text: str) -> None:
    url = ProviderUrl.parse(f"vonage://abcd1234:{TOKEN}@14155550100")
    clock, message = ManualClock(), sms(text)
    ours = await vonage.from_url(url, clock=clock).request(message)
    encoding = "unicode" if "こ" in text else "text"
    answer = requests.Response()
    answer.status_code, answer._content = 202, b'{"message_uuid": "u"}'
    answer.headers["content-type"] = "application/json"
    with patch.object(requests.Session, "request", return_value=answer) as request:
        Vonage(Auth(api_key="abcd1234", api_secret=TOKEN)).messages.send(
            Sms(
                to=TO.lstrip("+"), from_="14155550100", text=text, client_ref=message.message_key,
                sms=SmsOptions(encoding_type=encoding),
            )
        )  # fmt: skip
    sent = request.call_args
    theirs = {**dict(zip(("method", "url"), sent.args, strict=False)), **sent.kwargs}
    assert (ours.method, ours.url) == (theirs["method"], theirs["url"])
    assert json.loads(ours.body) == theirs["json"]
    assert ours.headers["authorization"] == theirs["headers"]["Authorization"]
