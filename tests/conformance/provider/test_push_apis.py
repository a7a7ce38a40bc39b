"""FCM, OneSignal, Web Push and APNs against scripted APIs: what each device gets, and what each answer means."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import onesignal as onesignal_sdk
import pytest
from firebase_admin import messaging
from google.oauth2 import service_account
from onesignal.model.language_string_map import LanguageStringMap
from onesignal.model.notification import Notification

from angarium.channels.push.message import key_of_device, push_of
from angarium.channels.push.providers import onesignal
from angarium.channels.push.providers.apns.answers import ROWS as APNS_ROWS
from angarium.channels.push.providers.fcm.answers import ROWS as FCM_ROWS
from angarium.channels.push.providers.fcm.payload import body_of
from angarium.channels.push.providers.webpush.answers import ROWS as WEB_PUSH_ROWS
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address, Outbound, Selective
from angarium.platform.http.api.service_account import ServiceAccount
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import PushContent
from tests.support.clock import ManualClock
from tests.support.outbound import outbound
from tests.support.phone_apis import (
    APP,
    DEVICES,
    PROJECT,
    SUBJECT,
    TOKEN,
    Browser,
    configured,
    device,
    google_token,
    keys,
    phone_api,
    url_of,
)
from tests.support.provider_api import Call, Reply, scripted_api

IMAGE, LINK = "https://cdn.example/a.png?x=1&y=é", "https://shop.example/orders/42"
FULL = PushContent("Grüße 👋", 'Zeile 1\nZeile 2 "x"', IMAGE, LINK)
PLAIN = PushContent(None, "Hello")
KINDS = ["fcm", "onesignal", "webpush", "apns"]
every = pytest.mark.parametrize("kind", KINDS)


def push(kind: str, content: PushContent = FULL, browser: Browser | None = None, **changes: Any) -> Outbound:
    address = (browser or Browser()).address() if kind == "webpush" else device(kind)
    return outbound(Channel.PUSH, **{"content": content, "address": address, **changes})


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


@pytest.mark.parametrize("content", [FULL, PLAIN])
def test_firebases_own_sdk_builds_the_same_message(content: PushContent) -> None:
    message, clock = push("fcm", content), ManualClock()
    ours = json.loads(body_of(push_of(message, clock.now()), DEVICES["fcm"], now=clock.now().timestamp()))
    key = message.message_key
    aps, options = None, None
    if content.image:
        aps = messaging.APNSPayload(messaging.Aps(mutable_content=True))
        options = messaging.APNSFCMOptions(image=content.image)
    with pytest.warns(DeprecationWarning, match="fid"):  # of the token; the API takes both
        theirs = messaging.Message(
            token=DEVICES["fcm"],
            notification=messaging.Notification(content.title, content.body, content.image),
            data={"notification_id": key} | ({"link": content.link} if content.link else {}),
            android=messaging.AndroidConfig(notification=messaging.AndroidNotification(tag=key)),
            apns=messaging.APNSConfig(headers={"apns-collapse-id": key}, payload=aps, fcm_options=options),
            webpush=messaging.WebpushConfig(
                notification=messaging.WebpushNotification(tag=key),
                fcm_options=messaging.WebpushFCMOptions(content.link) if content.link else None,
            ),
        )
    assert ours["message"] == messaging._MessagingService.encode_message(theirs)


async def test_googles_own_library_asserts_the_same(tmp_path: Path) -> None:
    keys().write(tmp_path, "https://oauth2.googleapis.com")
    scope = "https://www.googleapis.com/auth/firebase.messaging"
    read: Any = service_account.Credentials.from_service_account_file
    credentials = read(str(tmp_path / "account.json"), scopes=[scope])
    theirs = credentials._make_authorization_grant_assertion()
    now = jwt.decode(theirs, options={"verify_signature": False})["iat"]
    ours = ServiceAccount.read(str(tmp_path / "account.json")).assertion(now, scope)
    verified = [
        jwt.decode(
            token, keys().google.public_key(), algorithms=["RS256"], audience="https://oauth2.googleapis.com/token"
        )
        for token in (ours, theirs)
    ]
    assert verified[0] == verified[1]
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)


async def test_onesignals_own_sdk_asks_for_the_same() -> None:
    message = push("onesignal")
    api = onesignal.from_url(ProviderUrl.parse(f"onesignal://{APP}:{TOKEN}@api"), clock=ManualClock())
    ours = await api.request(message)
    theirs = Notification(
        app_id=APP,
        target_channel="push",
        include_subscription_ids=[DEVICES["onesignal"]],
        idempotency_key=str(key_of_device(message)),
        contents=LanguageStringMap(en=FULL.body),
        headings=LanguageStringMap(en=FULL.title),
        url=LINK,
        data={"notification_id": message.message_key, "link": LINK},
        big_picture=IMAGE,
        chrome_web_image=IMAGE,
        ios_attachments={"image": IMAGE},
        collapse_id=message.message_key,
    )
    configuration = onesignal_sdk.Configuration(rest_api_key=TOKEN)
    body = onesignal_sdk.ApiClient(configuration).sanitize_for_serialization(theirs)
    assert json.loads(ours.body) == {name: value for name, value in body.items() if name in json.loads(ours.body)}
    assert body.keys() - json.loads(ours.body).keys() <= {"is_ios", "is_android", "is_any_web"}
    assert ours.url.startswith(f"{configuration.host}/notifications")
    assert ours.headers["authorization"] == configuration.auth_settings()["rest_api_key"]["value"]


def google(status: int, code: str | None = None, state: str = "X", message: str = "no", field: str = "") -> Reply:
    details: list[dict[str, Any]] = []
    if code is not None:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if field:
        violations = [{"field": field, "description": "wrong"}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    return Reply(
        status=status, body={"error": {"code": status, "message": message, "status": state, "details": details}}
    )


def apple(status: int, reason: str) -> Reply:
    return Reply(status=status, body={"reason": reason})


SUPPRESS, REFUSED, PAUSE, DOUBT = Permanent("", suppress=True), Permanent(""), Configuration(""), Ambiguous("")
AGAIN, LATER = Retry(""), Retry("", provider_fault=False)
BAD_TOKEN = "The registration token is not a valid FCM registration token"
ANSWERS: Mapping[str, Mapping[str, tuple[Reply, Outcome]]] = {
    "fcm": {
        "404 UNREGISTERED": (google(404, "UNREGISTERED", "NOT_FOUND"), SUPPRESS),
        "404 without a code": (google(404, None, "NOT_FOUND"), PAUSE),
        "404 of another server": (Reply(status=404, body="<html>"), PAUSE),
        "403 SENDER_ID_MISMATCH": (google(403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED"), REFUSED),
        "403": (google(403, None, "PERMISSION_DENIED"), PAUSE),
        "401 THIRD_PARTY_AUTH_ERROR": (google(401, "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED"), PAUSE),
        "400 about the token": (google(400, "INVALID_ARGUMENT", field="message.token"), SUPPRESS),
        "400 not a token": (google(400, "INVALID_ARGUMENT", message=BAD_TOKEN), SUPPRESS),
        "400 about the data": (google(400, "INVALID_ARGUMENT", field="message.data[0].value"), REFUSED),
        "400": (google(400, None, "INVALID_ARGUMENT"), REFUSED),
        "429": (google(429, "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"), AGAIN),
        "500": (google(500, "INTERNAL", "INTERNAL"), AGAIN),
        "503": (google(503, "UNAVAILABLE", "UNAVAILABLE"), AGAIN),
        "502 of a proxy": (Reply(status=502, body="<html>"), AGAIN),
        "cut": (Reply(body={"name": "x"}, cut=40), DOUBT),
    },
    "onesignal": {
        "400 invalid ids": (Reply(status=400, body={"errors": {"invalid_player_ids": ["x"]}}), SUPPRESS),
        "200 invalid ids": (Reply(body={"id": "", "errors": {"invalid_subscription_ids": ["x"]}}), SUPPRESS),
        "200 unsubscribed": (Reply(body={"id": "", "errors": ["All included players are not subscribed"]}), SUPPRESS),
        "200 nothing sent": (Reply(body={"id": "", "errors": ["other"]}), REFUSED),
        "200 of another server": (Reply(body="<html>"), REFUSED),
        "400": (Reply(status=400, body={"errors": ["Message contents must not be empty"]}), REFUSED),
        "400 of no app": (Reply(status=400, body={"errors": ["app_id not found"]}), PAUSE),
        "401": (Reply(status=401, body={"errors": ["Access denied."]}), PAUSE),
        "403": (Reply(status=403, body={"errors": ["Access denied."]}), PAUSE),
        "404": (Reply(status=404, body="<html>"), PAUSE),
        "429": (Reply(status=429, body={"errors": ["API rate limit exceeded"], "limit": "x"}), AGAIN),
        "500": (Reply(status=500), AGAIN),
        "503": (Reply(status=503, body={"errors": ["Service temporarily unavailable"]}), AGAIN),
        "cut": (Reply(body={"id": "x"}, cut=40), DOUBT),
    },
    "webpush": {
        "404": (Reply(status=404), SUPPRESS),
        "410": (Reply(status=410, body="push subscription has unsubscribed or expired.\n"), SUPPRESS),
        "410 of Mozilla": (Reply(status=410, body={"code": 410, "errno": 103, "error": "Gone"}), SUPPRESS),
        "413": (Reply(status=413), REFUSED),
        "406 of Windows": (Reply(status=406), AGAIN),
        "429": (Reply(status=429), AGAIN),
        "500": (Reply(status=500), AGAIN),
        "403 of Google for another key": (
            Reply(
                status=403,
                body="the VAPID credentials in the authorization header do not correspond to the credentials used to "
                "create the subscriptions.\n",
            ),
            REFUSED,
        ),
        "403 of Apple for another key": (apple(403, "VapidPkHashMismatch"), REFUSED),
        "401 of Mozilla for another key": (
            Reply(status=401, body={"code": 401, "errno": 109, "message": "VAPID public key mismatch"}),
            REFUSED,
        ),
        "403 of Apple": (apple(403, "BadJwtToken"), PAUSE),
        "401 of Mozilla": (Reply(status=401, body={"code": 401, "errno": 109, "message": "Invalid token"}), PAUSE),
        "400 about our identity": (Reply(status=400, body="Invalid JWT provided"), PAUSE),
        "400": (Reply(status=400, body={"code": 400, "errno": 110, "message": "Invalid aes128gcm"}), REFUSED),
        "302": (Reply(status=302, headers={"location": "http://127.0.0.1:9/"}), PAUSE),
        "cut": (Reply(status=201, body="x" * 50, cut=60), DOUBT),
    },
    "apns": {
        "410 Unregistered": (apple(410, "Unregistered"), SUPPRESS),
        "410 ExpiredToken": (apple(410, "ExpiredToken"), SUPPRESS),
        "400 BadDeviceToken": (apple(400, "BadDeviceToken"), SUPPRESS),
        "400 DeviceTokenNotForTopic": (apple(400, "DeviceTokenNotForTopic"), REFUSED),
        "400 BadExpirationDate": (apple(400, "BadExpirationDate"), REFUSED),
        "400 TopicDisallowed": (apple(400, "TopicDisallowed"), PAUSE),
        "400 BadTopic": (apple(400, "BadTopic"), PAUSE),
        "413": (apple(413, "PayloadTooLarge"), REFUSED),
        "403 InvalidProviderToken": (apple(403, "InvalidProviderToken"), PAUSE),
        "403 of a fresh token": (apple(403, "ExpiredProviderToken"), PAUSE),
        "404": (apple(404, "BadPath"), PAUSE),
        "429 TooManyRequests": (apple(429, "TooManyRequests"), LATER),
        "429 TooManyProviderTokenUpdates": (apple(429, "TooManyProviderTokenUpdates"), AGAIN),
        "500": (apple(500, "InternalServerError"), AGAIN),
        "503": (apple(503, "Shutdown"), AGAIN),
        "cut": (Reply(body="x" * 50, cut=60), DOUBT),
    },
}


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind in ANSWERS for case in ANSWERS[kind]])
async def test_each_answer(kind: str, case: str, tmp_path: Path) -> None:
    reply, expected = ANSWERS[kind][case]
    async with phone_api(kind, tmp_path) as (provider, api):
        await provider.send(push(kind, PLAIN))  # fetches FCM's token
        before = len(api.calls)
        api.replies.append(reply)
        outcome = await provider.send(push(kind))
        assert len(api.calls) == before + 1, "one request, no redirect"
    assert type(outcome) is type(expected)
    if isinstance(outcome, Permanent) and isinstance(expected, Permanent):
        assert outcome.suppress == expected.suppress
    if isinstance(outcome, Retry) and isinstance(expected, Retry):
        assert outcome.provider_fault == expected.provider_fault
    for secret in (TOKEN, "canary", DEVICES["apns"], DEVICES["onesignal"]):
        assert secret not in outcome.answer


def test_each_row_cites_its_page() -> None:
    rows = (*FCM_ROWS, *APNS_ROWS, *WEB_PUSH_ROWS, *onesignal.ROWS)
    assert all(row.source.startswith("https://") for row in rows)


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


async def test_many_sends_share_one_token_of_google(tmp_path: Path) -> None:
    async with phone_api("fcm", tmp_path) as (provider, api):
        outcomes = await asyncio.gather(*(provider.send(push("fcm")) for _ in range(100)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert sum(call.path == "/token" for call in api.calls) == 1


async def test_a_token_that_google_refuses_is_fetched_anew_once(tmp_path: Path) -> None:
    async with phone_api("fcm", tmp_path) as (provider, api):
        await provider.send(push("fcm"))
        api.replies.append(google(401, None, "UNAUTHENTICATED"))
        assert isinstance(await provider.send(push("fcm")), Sent)
        assert [call.path == "/token" for call in api.calls[2:]] == [False, True, False]
        del api.calls[:]
        api.replies += [google(401), google_token_reply(), google(401)]
        assert isinstance(await provider.send(push("fcm")), Configuration)
        assert len(api.calls) == 3


def google_token_reply() -> Reply:
    return Reply(body={"access_token": "ya29.new", "expires_in": 3599})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            Reply(status=400, body={"error": "invalid_grant", "error_description": "canary"}),
            Configuration("no access token: 400 invalid_grant"),
        ),
        (Reply(status=401), Configuration("no access token: 401")),
        (Reply(status=503), Retry("no access token: the token endpoint answered 503")),
        (Reply(status=429), Retry("no access token: the token endpoint answered 429")),
        (Reply(body="<html>"), Retry("no access token: the token endpoint's answer cannot be read")),
        (Reply(cut=0), Retry("no access token: the connection was lost before the answer")),
    ],
)
async def test_without_a_token_nothing_is_sent(reply: Reply, expected: Outcome, tmp_path: Path) -> None:
    async with phone_api("fcm", tmp_path) as (provider, api):
        api.replies.append(reply)
        assert await provider.send(push("fcm")) == expected
        assert await provider.send(push("fcm")) == expected, "nor asked for again at once"
        assert [call.path for call in api.calls] == ["/token"]


async def test_one_token_of_apple_serves_many_sends(tmp_path: Path) -> None:
    async with phone_api("apns", tmp_path) as (provider, api):
        await asyncio.gather(*(provider.send(push("apns")) for _ in range(50)))
    assert len({call.headers["authorization"] for call in api.calls}) == 1


WRONG = [
    "fcm://{folder}/missing.json", "fcm://{folder}/vapid.pem", "fcm://", "fcm://user:hunter2@host/x",
    "fcm://{folder}/account.json?colour=red",
    "onesignal://:hunter2@api", "onesignal://app:@api", "onesignal://app:hunter2@elsewhere", "onesignal://app:hunter2@api/x",
    "webpush://{folder}/vapid.pem", "webpush://{folder}/vapid.pem?subject=mailto:ops@localhost",
    "webpush://{folder}/vapid.pem?subject=mailto:ops@push.invalid", "webpush://{folder}/account.json?subject=mailto:a@b.com",
    "webpush://{folder}/vapid.pem?subject=mailto:ops@example.com&colour=red",
    "apns://{folder}/key.p8", "apns://{folder}/key.p8?key_id=A&team_id=B", "apns://{folder}/key.p8?key_id=A&topic=c.d",
    "apns://{folder}/key.p8?key_id=A&team_id=B&topic=c%20d", "apns://{folder}/missing.p8?key_id=A&team_id=B&topic=c.d",
    "apns://{folder}/account.json?key_id=A&team_id=B&topic=c.d",
    "apns://{folder}/key.p8?key_id=A&team_id=B&topic=c.d&environment=test",
]  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
async def test_a_wrong_url_stops_the_start_with_a_line_that_shows_no_secret(url: str, tmp_path: Path) -> None:
    keys().write(tmp_path, "https://oauth2.googleapis.com")
    with pytest.raises(SettingsError) as caught:
        async with configured(Channel.PUSH, url.format(folder=tmp_path)):
            pass
    text = str(caught.value)
    assert text.startswith(f"ANGARIUM_PUSH_PROVIDERS: {url.partition(':')[0]}://")
    assert "hunter2" not in text
    assert "PRIVATE KEY" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "change",
    [{"type": "authorized_user"}, {"token_uri": "http://evil.example/"}, {"private_key": "hunter2"}, {"project_id": 5}],
)
async def test_a_wrong_service_account_stops_the_start(change: dict[str, Any], tmp_path: Path) -> None:
    keys().write(tmp_path, "https://oauth2.googleapis.com")
    file = tmp_path / "account.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(SettingsError, match="key file") as caught:
        async with configured(Channel.PUSH, f"fcm://{file}"):
            pass
    assert "hunter2" not in str(caught.value)


async def test_several_providers_of_push_start_together(tmp_path: Path) -> None:
    async with scripted_api() as api:
        keys().write(tmp_path, api.origin)
        urls = [url_of(kind, tmp_path, api.origin) for kind in KINDS]
        async with configured(Channel.PUSH, *urls, "sandbox://", "mailbox://") as providers:
            assert [provider.name for provider in providers] == [*KINDS, "sandbox", "mailbox"]


def test_the_token_request_is_checked() -> None:
    """The scripted token server refuses a claim that is not signed by the account's key."""
    claims = {"iss": "x", "aud": "http://host/token", "iat": 1, "exp": 2, "scope": "s"}
    forged = jwt.encode(claims, "x" * 32, algorithm="HS256")
    body = f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={forged}".encode()
    assert parse_qs(body.decode())
    headers = {"content-type": "application/x-www-form-urlencoded", "host": "host"}
    with pytest.raises(jwt.InvalidTokenError):
        google_token(Call("POST", "/token", headers, body, 1))


def test_the_subject_of_the_tests_is_public() -> None:
    assert SUBJECT == "mailto:ops@example.com"


async def test_without_the_extra_for_http2_apns_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError

    keys().write(tmp_path, "https://oauth2.googleapis.com")
    monkeypatch.setattr("angarium.channels.push.providers.making.Http2Client", missing)
    with pytest.raises(SettingsError, match=r"apns:// needs HTTP/2: pip install 'angarium\[http2\]'"):
        async with configured(Channel.PUSH, url_of("apns", tmp_path, "https://127.0.0.1:1")):
            pass
