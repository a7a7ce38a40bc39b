"""What a notification asks of its push, as each platform gets it."""

import json
from pathlib import Path
from typing import Any

import pytest

from angarium.delivery.outcome import Permanent, Sent
from angarium.notifications.options import Options, PushAction, PushOptions
from angarium.rendering.content import PushContent
from angarium.testing.http_api import Call
from tests.support.phone_apis import Browser, phone_api
from tests.support.pushes import KINDS, PLAIN, push

TRACK, LATER = PushAction("track", "Track", "https://shop.example/42"), PushAction("later", "Later")
ALL = Options(
    push=PushOptions(
        ttl=600,
        collapse_key="order-42",
        priority="high",
        badge=3,
        sound="default",
        actions=(TRACK, LATER),
        data={"order": "42"},
    )
)
SPARING = Options(push=PushOptions(priority="normal", collapse_key="a key/with:more"))
every = pytest.mark.parametrize("kind", KINDS)


async def request_of(kind: str, folder: Path, browser: Browser, options: Options) -> Call:
    """The request that the provider makes of it."""
    async with phone_api(kind, folder) as (provider, api):
        assert isinstance(await provider.send(push(kind, PLAIN, browser, options=options)), Sent)
    return api.calls[-1]


async def test_fcm_gets_a_block_for_each_platform(tmp_path: Path) -> None:
    message = (await request_of("fcm", tmp_path, Browser(), ALL)).json["message"]
    assert message["android"] == {
        "ttl": "600s",
        "priority": "HIGH",
        "collapse_key": "order-42",
        "notification": {"tag": "order-42", "sound": "default", "notification_count": 3},
    }
    headers = message["apns"]["headers"]
    assert (headers["apns-priority"], headers["apns-collapse-id"]) == ("10", "order-42")
    assert message["apns"]["payload"] == {"aps": {"sound": "default", "badge": 3}}
    assert message["webpush"] == {
        "headers": {"TTL": "600", "Urgency": "high"},
        "notification": {
            "tag": "order-42",
            "actions": [{"action": "track", "title": "Track"}, {"action": "later", "title": "Later"}],
        },
    }
    assert message["data"]["order"] == "42"
    assert json.loads(message["data"]["actions"]) == [
        {"id": "track", "title": "Track", "link": "https://shop.example/42"},
        {"id": "later", "title": "Later"},
    ]


async def test_apns_gets_headers_and_a_payload(tmp_path: Path) -> None:
    call = await request_of("apns", tmp_path, Browser(), ALL)
    assert call.json["aps"] == {"alert": {"body": PLAIN.body}, "badge": 3, "sound": "default"}
    assert (call.json["order"], call.json["actions"][0]["id"]) == ("42", "track")
    assert (call.headers["apns-priority"], call.headers["apns-collapse-id"]) == ("10", "order-42")
    assert int(call.headers["apns-expiration"]) > 0


async def test_a_browser_gets_headers_and_what_its_worker_shows(tmp_path: Path) -> None:
    browser = Browser()
    call = await request_of("webpush", tmp_path, browser, ALL)
    assert (call.headers["ttl"], call.headers["topic"], call.headers["urgency"]) == ("600", "order-42", "high")
    shown: dict[str, Any] = browser.read(call.body)
    assert (shown["tag"], shown["app_badge"], shown["data"]["order"]) == ("order-42", 3, "42")
    assert shown["actions"] == [{"action": "track", "title": "Track"}, {"action": "later", "title": "Later"}]
    assert shown["data"]["actions"] == {"track": "https://shop.example/42"}


async def test_onesignal_gets_fields_for_each_platform(tmp_path: Path) -> None:
    fields = (await request_of("onesignal", tmp_path, Browser(), ALL)).json
    assert (fields["ttl"], fields["collapse_id"], fields["priority"]) == (600, "order-42", 10)
    assert (fields["ios_badgeType"], fields["ios_badgeCount"]) == ("SetTo", 3)
    assert (fields["ios_sound"], fields["android_sound"]) == ("default", "default")
    assert fields["buttons"] == [{"id": "track", "text": "Track"}, {"id": "later", "text": "Later"}]
    assert fields["web_buttons"][0] == {"id": "track", "text": "Track", "url": "https://shop.example/42"}
    assert fields["data"]["order"] == "42"


@every
async def test_a_normal_priority_spares_the_device(kind: str, tmp_path: Path) -> None:
    """And a collapse key that is no `Topic` of Web Push is made one (RFC 8030 §5.4)."""
    call = await request_of(kind, tmp_path, Browser(), SPARING)
    match kind:
        case "fcm":
            message = call.json["message"]
            asked = (message["android"]["priority"], message["apns"]["headers"]["apns-priority"])
            assert (*asked, message["webpush"]["headers"]) == ("NORMAL", "5", {"Urgency": "normal"})
        case "apns":
            assert call.headers["apns-priority"] == "5"
        case "onesignal":
            assert call.json["priority"] == 5
        case _:
            assert (call.headers["urgency"], len(call.headers["topic"])) == ("normal", 32)


@pytest.mark.parametrize("kind", ["fcm", "webpush", "apns"])
async def test_data_and_text_that_are_too_long_together_are_refused_before_a_request(kind: str, tmp_path: Path) -> None:
    options = Options(push=PushOptions(data={"a": "x" * 3000}))
    async with phone_api(kind, tmp_path) as (provider, api):
        outcome = await provider.send(push(kind, PushContent(None, "x" * 1500), options=options))
    assert isinstance(outcome, Permanent)
    assert outcome.code == "invalid_message"
    assert [call for call in api.calls if call.path != "/token"] == []
