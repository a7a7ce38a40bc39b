"""FCM, OneSignal, Web Push and APNs against scripted APIs: what each device gets."""

from datetime import timedelta
from pathlib import Path

import pytest

from angarium.channels.push.message import key_of_device
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Permanent, Retry, Sent
from angarium.delivery.provider import Address, Selective
from angarium.rendering.content import PushContent
from angarium.testing.http_api import Reply
from angarium.testing.providers import outbound
from tests.support.phone_apis import (
    APP,
    DEVICES,
    PROJECT,
    Browser,
    device,
    phone_api,
)
from tests.support.pushes import FULL, IMAGE, KINDS, LINK, PLAIN, push

every = pytest.mark.parametrize("kind", KINDS)


async def test_an_fcm_device_gets_all_parts(tmp_path: Path) -> None:
    message = push("fcm")
    async with phone_api("fcm", tmp_path) as (provider, api):
        outcome = await provider.send(message)
    key = message.message_key
    assert outcome == Sent("200", f"projects/{PROJECT}/messages/0:{key}")
    assert api.calls[-1].json["message"] == {
        "token": DEVICES["fcm"],
        "notification": {"title": FULL.title, "body": FULL.body, "image": IMAGE},
        "data": {"notification_id": key, "link": LINK},
        "android": {"notification": {"tag": key}},
        "apns": {
            "headers": {"apns-collapse-id": key},
            "payload": {"aps": {"mutable-content": 1}},
            "fcm_options": {"image": IMAGE},
        },
        "webpush": {"notification": {"tag": key}, "fcm_options": {"link": LINK}},
    }


async def test_a_onesignal_subscription_gets_all_parts(tmp_path: Path) -> None:
    message = push("onesignal")
    async with phone_api("onesignal", tmp_path) as (provider, api):
        assert await provider.send(message) == Sent("200", message.message_key)
    assert api.calls[0].json == {
        "app_id": APP,
        "target_channel": "push",
        "include_subscription_ids": [DEVICES["onesignal"]],
        "idempotency_key": str(key_of_device(message)),
        "contents": {"en": FULL.body},
        "headings": {"en": FULL.title},
        "url": LINK,
        "data": {"notification_id": message.message_key, "link": LINK},
        "big_picture": IMAGE,
        "chrome_web_image": IMAGE,
        "ios_attachments": {"image": IMAGE},
        "collapse_id": message.message_key,
    }


async def test_a_browser_gets_all_parts(tmp_path: Path) -> None:
    browser = Browser()
    message = push("webpush", browser=browser)
    async with phone_api("webpush", tmp_path) as (provider, api):
        assert await provider.send(message) == Sent("201"), "the message's URL is a capability"
    [call] = api.calls
    assert call.target == "/fcm/send/endpoint-canary"
    assert browser.read(call.body) == {
        "title": FULL.title,
        "body": FULL.body,
        "image": IMAGE,
        "tag": message.message_key,
        "data": {"notification_id": message.message_key, "link": LINK},
    }


async def test_an_apple_device_gets_all_parts(tmp_path: Path) -> None:
    message = push("apns")
    async with phone_api("apns", tmp_path) as (provider, api):
        assert await provider.send(message) == Sent("200", message.message_key)
    [call] = api.calls
    assert call.json == {
        "aps": {"alert": {"title": FULL.title, "body": FULL.body}, "mutable-content": 1},
        "image": IMAGE,
        "link": LINK,
        "notification_id": message.message_key,
    }
    assert call.headers["apns-id"] == str(key_of_device(message))


@every
async def test_a_push_may_have_a_body_alone(kind: str, tmp_path: Path) -> None:
    async with phone_api(kind, tmp_path) as (provider, _):
        assert isinstance(await provider.send(push(kind, PLAIN)), Sent)


@every
async def test_a_push_that_expires_is_not_held_for_longer(kind: str, tmp_path: Path) -> None:
    browser = Browser()
    async with phone_api(kind, tmp_path) as (provider, api):
        clock = provider._clock  # type: ignore[attr-defined]  # the clock of this machine
        moment = clock.now() + timedelta(seconds=300)
        assert isinstance(await provider.send(push(kind, PLAIN, browser, expires_at=moment)), Sent)
    call = api.calls[-1]
    match kind:
        case "fcm":
            message = call.json["message"]
            assert message["android"]["ttl"] in {"299s", "300s"}
            assert int(message["webpush"]["headers"]["TTL"]) in {299, 300}
            expiration = int(message["apns"]["headers"]["apns-expiration"])
            assert abs(expiration - moment.timestamp()) <= 2
        case "onesignal":
            assert call.json["ttl"] in {299, 300}
        case "webpush":
            assert call.headers["ttl"] in {"299", "300"}
        case _:
            assert abs(int(call.headers["apns-expiration"]) - moment.timestamp()) <= 2


@every
async def test_devices_of_one_notification_do_not_share_a_key(kind: str) -> None:
    message = push(kind)
    other = outbound(Channel.PUSH, id_=message.notification_id, address=Address("another", platform="fcm"))
    again = outbound(Channel.PUSH, id_=message.notification_id, attempt=2, address=message.address)
    assert key_of_device(message) == key_of_device(again)
    assert key_of_device(message) != key_of_device(other)


@every
async def test_each_provider_takes_its_own_platform(kind: str, tmp_path: Path) -> None:
    async with phone_api(kind, tmp_path) as (provider, _):
        assert isinstance(provider, Selective)
        taken = {platform for platform in DEVICES if provider.takes(device(platform))}
        taken |= {"webpush"} if provider.takes(Browser().address()) else set()
        assert taken == {kind}
        assert provider.takes(Address("token")) == (kind == "fcm"), "a push_token in a call is FCM's"


async def test_a_push_service_is_judged_by_its_origin(tmp_path: Path) -> None:
    async with phone_api("webpush", tmp_path) as (provider, _):
        assert isinstance(provider, Selective)
        places = [Browser("https://a.example:8443/x").address(), Browser("https://b.example/x").address()]
        assert [provider.service(place) for place in places] == ["https://a.example:8443", "https://b.example"]


@every
async def test_a_provider_that_asks_for_time_is_given_it(kind: str, tmp_path: Path) -> None:
    async with phone_api(kind, tmp_path) as (provider, api):
        await provider.send(push(kind))
        api.replies.append(Reply(status=503, headers={"retry-after": "7"}))
        outcome = await provider.send(push(kind))
    assert isinstance(outcome, Retry)
    assert outcome.after == timedelta(seconds=7)


@every
@pytest.mark.parametrize("field", ["title", "body", "image", "link"])
async def test_what_is_not_unicode_is_refused_before_a_request(kind: str, field: str, tmp_path: Path) -> None:
    content = PushContent(**{"title": "t", "body": "b", field: "\ud800"})
    async with phone_api(kind, tmp_path) as (provider, api):
        assert await provider.send(push(kind, content)) == Permanent(
            "the message is not Unicode", code="invalid_message"
        )
    assert [call for call in api.calls if call.path != "/token"] == []


@pytest.mark.parametrize("kind", ["webpush", "apns"])
async def test_a_payload_that_is_too_long_is_refused_before_a_request(kind: str, tmp_path: Path) -> None:
    async with phone_api(kind, tmp_path) as (provider, api):
        outcome = await provider.send(push(kind, PushContent(None, "x" * 4096)))
    assert isinstance(outcome, Permanent)
    assert outcome.code == "invalid_message"
    assert api.calls == []
