"""The official SDKs of Firebase and OneSignal, and google-auth: their requests and ours agree where it matters."""

import json
from pathlib import Path
from typing import Any

import jwt
import onesignal as onesignal_sdk
import pytest
from firebase_admin import messaging
from google.oauth2 import service_account
from onesignal.model.language_string_map import LanguageStringMap
from onesignal.model.notification import Notification

from angarium.channels.push.message import key_of_device, push_of
from angarium.channels.push.providers import onesignal
from angarium.channels.push.providers.fcm.payload import body_of
from angarium.platform.http.api.service_account import ServiceAccount
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import PushContent
from tests.support.clock import ManualClock
from tests.support.phone_apis import (
    APP,
    DEVICES,
    TOKEN,
    keys,
)
from tests.support.pushes import FULL, IMAGE, LINK, PLAIN, push


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
