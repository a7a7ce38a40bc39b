"""Tokens of Google and Apple, and what stops the start of a push provider."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Configuration, Outcome, Retry, Sent
from angarium.testing.http_api import Call, Reply, scripted_api
from tests.support.phone_apis import (
    configured,
    google_token,
    keys,
    phone_api,
    url_of,
)
from tests.support.pushes import KINDS, push

every = pytest.mark.parametrize("kind", KINDS)


async def test_many_sends_share_one_token_of_google(tmp_path: Path) -> None:
    async with phone_api("fcm", tmp_path) as (provider, api):
        outcomes = await asyncio.gather(*(provider.send(push("fcm")) for _ in range(100)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert sum(call.path == "/token" for call in api.calls) == 1


async def test_a_token_refused_by_google_is_fetched_again_once(tmp_path: Path) -> None:
    async with phone_api("fcm", tmp_path) as (provider, api):
        await provider.send(push("fcm"))
        api.replies.append(Reply(status=401))
        assert isinstance(await provider.send(push("fcm")), Sent)
        assert [call.path == "/token" for call in api.calls[2:]] == [False, True, False]
        del api.calls[:]
        api.replies += [Reply(status=401), google_token_reply(), Reply(status=401)]
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
