"""Scripted SMS and push APIs that check each request against the provider's documentation."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from angarium.channels.registry import CHANNELS
from angarium.contracts.statuses import Channel
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Address, Provider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.testing.http_api import Call, Reply, ScriptedApi, scripted_api
from tests.support.mailbox_gateway import quiet_logger

ACCOUNT, KEY, TOKEN, SERVICE = "AC" + "a1" * 16, "SK" + "b2" * 16, "hunter2-token", "MG" + "c3" * 16
FROM, TO = "+15005550006", "+14155550123"
APP = "5ca1ab1e-0000-4000-8000-00000000000a"
SUBJECT = "mailto:ops@example.com"
TOPIC, KEY_ID, TEAM_ID = "com.example.app", "ABC123DEFG", "DEF123GHIJ"
PROJECT = "angarium-test"
BROWSER_ENDPOINT = "https://fcm.googleapis.com/fcm/send/endpoint-canary"

DEVICES: Mapping[str, str] = {
    "fcm": "fcm-token:APA91b-canary",
    "apns": "0f" * 32,
    "onesignal": "5ca1ab1e-0000-4000-8000-00000000000d",
}


@dataclass
class Browser:
    """A subscribed browser: its keys and the address of its push service."""

    endpoint: str = BROWSER_ENDPOINT
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"0123456789abcdef"

    def subscription(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": _b64(_point(self.key)), "auth": _b64(self.auth)},
        }

    def address(self) -> Address:
        return Address("", platform="webpush", device_id=UUID(int=5), subscription=self.subscription())

    def read(self, body: bytes) -> Any:
        """Decrypt what the service worker receives."""
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return json.loads(plain)


def device(platform: str) -> Address:
    """A device of this platform."""
    return Address(DEVICES[platform], platform=platform, device_id=UUID(int=5))  # type: ignore[arg-type]  # a Platform


@dataclass(frozen=True)
class Keys:
    """Key files for tests, and the keys that verify their signatures."""

    google: rsa.RSAPrivateKey
    apple: ec.EllipticCurvePrivateKey
    vapid: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, token_origin: str) -> None:
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem(self.google).decode(),
            "client_email": "push@angarium-test.iam.gserviceaccount.com",
            "token_uri": f"{token_origin}/token",
        }
        (folder / "account.json").write_text(json.dumps(account))
        (folder / "key.p8").write_bytes(pem(self.apple))
        (folder / "vapid.pem").write_bytes(pem(self.vapid))


@cache
def keys() -> Keys:
    """One set for all tests, since creating an RSA key is slow."""
    curve = ec.SECP256R1()
    return Keys(rsa.generate_private_key(65537, 2048), ec.generate_private_key(curve), ec.generate_private_key(curve))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def url_of(kind: str, folder: Path, origin: str, more: str = "") -> str:
    """The provider's URL, with its API at `origin`."""
    start = {
        "twilio": f"twilio://{ACCOUNT}:{TOKEN}@{FROM}?",
        "vonage": f"vonage://abcd1234:{TOKEN}@14155550100?",
        "fcm": f"fcm://{folder}/account.json?",
        "onesignal": f"onesignal://{APP}:{TOKEN}@api?",
        "webpush": f"webpush://{folder}/vapid.pem?subject={SUBJECT}&",
        "apns": f"apns://{folder}/key.p8?key_id={KEY_ID}&team_id={TEAM_ID}&topic={TOPIC}&",
    }[kind]
    return f"{start}base_url={origin}{more}"


def channel_of(kind: str) -> Channel:
    return Channel.SMS if kind in {"twilio", "vonage"} else Channel.PUSH


@asynccontextmanager
async def configured(channel: Channel, *urls: str, **settings: Any) -> AsyncIterator[tuple[Provider, ...]]:
    """The providers that a worker creates from these settings."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        gateway = ServiceClient("http://gateway", service_token=None, name="gateway")
        parts = ProviderParts(
            gateway=gateway, clock=clock, identifiers=Identifiers(clock), logger=quiet_logger(), stack=stack
        )
        urls_setting = {f"{channel}_providers": ",".join(urls)}
        kit = CHANNELS[channel].build_kit(WorkerSettings.load(**urls_setting, **settings), parts)
        for provider in kit.providers:
            stack.push_async_callback(provider.close)
        yield tuple(kit.providers)


@asynccontextmanager
async def phone_api(kind: str, folder: Path, more: str = "") -> AsyncIterator[tuple[Provider, ScriptedApi]]:
    """A provider and its API, which accepts every valid request."""
    async with scripted_api(HANDLERS[kind]) as api:
        keys().write(folder, api.origin)
        async with configured(channel_of(kind), url_of(kind, folder, api.origin, more)) as (provider,):
            yield provider, api


def twilio(call: Call) -> Reply:
    """https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource"""
    assert (call.method, call.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    scheme, _, credentials = call.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() in {f"{ACCOUNT}:{TOKEN}", f"{KEY}:{TOKEN}"}
    form = parse_qs(call.body.decode(), strict_parsing=True)
    assert form["To"] == [TO]
    assert ("From" in form) != ("MessagingServiceSid" in form)
    assert 1 <= len(form["Body"][0]) <= 1600
    return Reply(status=201, body={"sid": "SM" + "d4" * 16, "status": "queued", "error_code": None})


def vonage(call: Call) -> Reply:
    """https://developer.vonage.com/en/api/messages"""
    assert (call.method, call.target) == ("POST", "/v1/messages")
    assert call.headers["content-type"] == "application/json"
    assert base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode() == f"abcd1234:{TOKEN}"
    fields = call.json
    assert (fields["channel"], fields["message_type"], fields["to"]) == ("sms", "text", TO.lstrip("+"))
    assert fields.keys() <= {"channel", "message_type", "to", "from", "text", "client_ref", "sms", "ttl"}
    assert len(fields["client_ref"]) <= 100
    return Reply(status=202, body={"message_uuid": fields["client_ref"]})


def google_token(call: Call) -> Reply:
    """https://developers.google.com/identity/protocols/oauth2/service-account#httprest"""
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(call.body.decode(), strict_parsing=True)
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    [assertion] = form["assertion"]
    audience = f"http://{call.headers['host']}/token"
    claims = jwt.decode(assertion, keys().google.public_key(), algorithms=["RS256"], audience=audience)
    assert claims["iss"] == "push@angarium-test.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert jwt.get_unverified_header(assertion)["kid"] == "key-1"
    return Reply(body={"access_token": f"ya29.{call.connection}", "expires_in": 3599, "token_type": "Bearer"})


def fcm(call: Call) -> Reply:
    """https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send"""
    if call.path == "/token":
        return google_token(call)
    assert (call.method, call.target) == ("POST", f"/v1/projects/{PROJECT}/messages:send")
    assert call.headers["authorization"].startswith("Bearer ya29.")
    assert call.headers["content-type"].startswith("application/json")
    assert call.json.keys() <= {"message", "validate_only"}
    message = call.json["message"]
    assert message.keys() <= {"token", "notification", "data", "android", "apns", "webpush", "fcm_options"}
    assert message["token"]
    assert message["notification"].keys() <= {"title", "body", "image"}
    assert all(isinstance(value, str) for value in message["data"].values())
    assert not any(name in {"from", "message_type"} or name.startswith(("google", "gcm")) for name in message["data"])
    return Reply(body={"name": f"projects/{PROJECT}/messages/0:{message['data']['notification_id']}"})


def onesignal(call: Call) -> Reply:
    """https://documentation.onesignal.com/reference/create-message"""
    assert (call.method, call.target) == ("POST", "/notifications?c=push")
    assert call.headers["authorization"] == f"Key {TOKEN}"
    assert call.headers["content-type"].startswith("application/json")
    fields = call.json
    assert (fields["app_id"], fields["target_channel"]) == (APP, "push")
    assert len(fields["include_subscription_ids"]) == 1
    assert "en" in fields["contents"]
    assert UUID(fields["idempotency_key"]).version == 4
    return Reply(body={"id": fields["data"]["notification_id"], "external_id": None})


def web_push(call: Call) -> Reply:
    """https://www.rfc-editor.org/rfc/rfc8030#section-5, RFC 8291 §4, RFC 8292 §3"""
    assert call.method == "POST"
    assert call.headers["content-encoding"] == "aes128gcm"
    assert int(call.headers["ttl"]) >= 0
    assert len(call.headers["topic"]) <= 32
    assert call.headers["urgency"] in {"very-low", "low", "normal", "high"}
    assert 86 < len(call.body) <= 4096
    scheme, _, parameters = call.headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in parameters.split(","))
    assert scheme == "vapid"
    assert fields["k"] == _b64(_point(keys().vapid))
    claims = jwt.decode(fields["t"], keys().vapid.public_key(), algorithms=["ES256"], options={"verify_aud": False})
    assert claims["sub"] == SUBJECT
    assert claims["aud"] in {"https://fcm.googleapis.com", f"https://{call.headers['host']}"}
    return Reply(status=201, headers={"location": "https://push.example/message/capability-canary"})


def apns_request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns"""
    assert (method, path) == ("POST", f"/3/device/{DEVICES['apns']}")
    scheme, _, token = headers["authorization"].partition(" ")
    assert scheme == "bearer"
    claims = jwt.decode(token, keys().apple.public_key(), algorithms=["ES256"])
    assert claims.keys() == {"iss", "iat"}
    assert claims["iss"] == TEAM_ID
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": KEY_ID}
    assert (headers["apns-topic"], headers["apns-push-type"]) == (TOPIC, "alert")
    assert headers["apns-priority"] in {"1", "5", "10"}
    assert len(headers["apns-collapse-id"]) <= 64
    assert str(UUID(headers["apns-id"])) == headers["apns-id"]
    assert len(body) <= 4096
    assert "body" in json.loads(body)["aps"]["alert"]


def apns(call: Call) -> Reply:
    apns_request(call.method, call.target, call.headers, call.body)
    return Reply(headers={"apns-id": call.headers["apns-collapse-id"]})


HANDLERS: Mapping[str, Callable[[Call], Reply]] = {
    "twilio": twilio,
    "vonage": vonage,
    "fcm": fcm,
    "onesignal": onesignal,
    "webpush": web_push,
    "apns": apns,
}


def keys_of(kind: str, calls: list[Call], browser: Browser) -> list[str]:
    """The keys of the messages that arrived."""
    match kind:
        case "vonage":
            return [call.json["client_ref"] for call in calls]
        case "fcm":
            sends = [call for call in calls if call.path != "/token"]
            return [call.json["message"]["data"]["notification_id"] for call in sends]
        case "onesignal":
            return [call.json["data"]["notification_id"] for call in calls]
        case "webpush":
            return [browser.read(call.body)["data"]["notification_id"] for call in calls]
        case _:
            return [call.headers["apns-collapse-id"] for call in calls]


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
