"""What each answer of FCM, OneSignal, push services and APNs means: a case for each row of the tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from angarium.channels.push.providers import onesignal
from angarium.channels.push.providers.apns.answers import ROWS as APNS_ROWS
from angarium.channels.push.providers.fcm.answers import ROWS as FCM_ROWS
from angarium.channels.push.providers.webpush.answers import ROWS as WEB_PUSH_ROWS
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry
from angarium.testing.http_api import Reply
from tests.support.phone_apis import (
    DEVICES,
    TOKEN,
    phone_api,
)
from tests.support.pushes import KINDS, PLAIN, push

every = pytest.mark.parametrize("kind", KINDS)


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
