"""Login at an SMTP server by an access token, with the grants of Microsoft 365 and Google."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Configuration, Retry, Sent
from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.settings.values import ProviderUrl
from angarium.testing.http_api import Call, Reply, ScriptedApi, scripted_api
from angarium.testing.providers import outbound
from angarium.testing.smtp.server import SmtpServer
from tests.support.mailbox_gateway import quiet_logger

GOOGLE = "client_id=app&client_secret=canary%26&refresh_token=canary%2Frefresh"
MICROSOFT = "tenant=example.onmicrosoft.com&client_id=app&client_secret=canary%26"


def give(_call: Call) -> Reply:
    return Reply(body={"access_token": "t1", "expires_in": 3600})


@asynccontextmanager
async def provider(
    server: SmtpServer, api: ScriptedApi, options: str, place: str = "token_url={origin}/token"
) -> AsyncIterator[SmtpProvider]:
    client = Http1Client(SystemClock())
    tokens = place.format(origin=api.origin)
    url = f"smtp://ann%40example.com@127.0.0.1:{server.port}?tls=off&auth=xoauth2&{tokens}&{options}"
    made = from_url(
        ProviderUrl.parse(url),
        sender=Sender.parse("Angarium <notify@example.org>"),
        clock=SystemClock(),
        logger=quiet_logger(),
        client=lambda: client,
    )
    yield made
    await made.close()
    await client.close()


@pytest.mark.parametrize(
    ("options", "form"),
    [
        (
            MICROSOFT,
            {
                "grant_type": ["client_credentials"],
                "client_id": ["app"],
                "client_secret": ["canary&"],
                "scope": ["https://outlook.office365.com/.default"],
            },
        ),
        (
            GOOGLE,
            {
                "grant_type": ["refresh_token"],
                "client_id": ["app"],
                "client_secret": ["canary&"],
                "refresh_token": ["canary/refresh"],
            },
        ),
    ],
    ids=["microsoft", "google"],
)
async def test_sessions_log_in_with_one_token(options: str, form: object) -> None:
    async with SmtpServer(tokens={"t1"}) as server, scripted_api(give) as api, provider(server, api, options) as smtp:
        outcomes = await asyncio.gather(*(smtp.send(outbound()) for _ in range(40)))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert server.sessions > 1
    assert [parse_qs(call.body.decode()) for call in api.calls] == [form]
    logins = [line for line in server.commands if line.startswith("AUTH")]
    assert len(logins) == server.sessions
    assert all(line.startswith("AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20B") for line in logins)  # user=ann@example.com


@pytest.mark.parametrize(
    ("options", "path"),
    [(MICROSOFT, "/example.onmicrosoft.com/oauth2/v2.0/token"), (GOOGLE, "/token")],
    ids=["microsoft", "google"],
)
async def test_base_url_replaces_the_origin_of_the_token_endpoint(options: str, path: str) -> None:
    place = "base_url={origin}"
    async with (
        SmtpServer(tokens={"t1"}) as server,
        scripted_api(give) as api,
        provider(server, api, options, place) as smtp,
    ):
        assert isinstance(await smtp.send(outbound()), Sent)
    assert [call.path for call in api.calls] == [path]


def key_file(folder: Path) -> tuple[Path, rsa.RSAPublicKey]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = folder / "service-account.json"
    account = {
        "type": "service_account",
        "client_email": "robot@project.example",
        "private_key_id": "k1",
        "private_key": pem,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_text(json.dumps(account))
    return path, key.public_key()


async def test_a_service_account_acts_for_the_user(tmp_path: Path) -> None:
    path, public = key_file(tmp_path)
    options = f"credentials={quote(str(path))}"
    async with SmtpServer(tokens={"t1"}) as server, scripted_api(give) as api, provider(server, api, options) as smtp:
        assert isinstance(await smtp.send(outbound()), Sent)
    [call] = api.calls
    form = parse_qs(call.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    [assertion] = form["assertion"]
    claims = jwt.decode(assertion, public, algorithms=["RS256"], audience="https://oauth2.googleapis.com/token")
    assert (claims["iss"], claims["sub"]) == ("robot@project.example", "ann@example.com")
    assert claims["scope"] == "https://mail.google.com/"
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(assertion)["kid"] == "k1"


async def test_a_token_that_the_server_refuses_is_renewed_once() -> None:
    async with SmtpServer(tokens={"t2"}) as server, scripted_api(give) as api, provider(server, api, GOOGLE) as smtp:
        api.replies += [Reply(body={"access_token": token, "expires_in": 3600}) for token in ("t1", "t2")]
        assert isinstance(await smtp.send(outbound()), Sent)
        assert "" in server.commands, "the challenge with the error is answered with an empty line"
    assert len(api.calls) == 2


async def test_a_token_that_is_revoked_meanwhile_is_renewed() -> None:
    async with SmtpServer(tokens={"t1"}) as server, scripted_api(give) as api, provider(server, api, GOOGLE) as smtp:
        assert isinstance(await smtp.send(outbound()), Sent)
        server.tokens = {"t2"}
        server.hang_up()
        api.replies.append(Reply(body={"access_token": "t2", "expires_in": 3600}))
        assert isinstance(await smtp.send(outbound()), Sent)
    assert len(api.calls) == 2


async def test_an_account_without_permission_pauses_the_provider() -> None:
    async with SmtpServer(tokens=set()) as server, scripted_api(give) as api, provider(server, api, MICROSOFT) as smtp:
        outcome = await smtp.send(outbound())
    assert outcome == Configuration("535 5.7.3 Authentication unsuccessful")
    assert len(api.calls) == 2, "renewed once, and no more"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(status=401, body={"error": "invalid_client"}), Configuration("no access token: 401 invalid_client")),
        (Reply(status=503), Retry("no access token: the token endpoint answered 503")),
    ],
)
async def test_without_a_token_nothing_is_asked_of_the_server(reply: Reply, expected: object) -> None:
    async with SmtpServer(tokens={"t1"}) as server, scripted_api(give) as api, provider(server, api, GOOGLE) as smtp:
        api.replies.append(reply)
        assert await smtp.send(outbound()) == expected
        assert server.sessions == 0


async def test_a_server_without_xoauth2_pauses_the_provider() -> None:
    async with (
        SmtpServer(login=("a", "b")) as server,
        scripted_api(give) as api,
        provider(server, api, GOOGLE) as smtp,
    ):
        assert isinstance(await smtp.send(outbound()), Configuration)
        assert not [line for line in server.commands if line.startswith("AUTH")]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtp://a@h?auth=oauth", "auth must be xoauth2"),
        ("smtp://a@h?tenant=x", "tenant is for auth=xoauth2"),
        ("smtp://a:canary@h?auth=xoauth2&tenant=x&client_id=i&client_secret=canary", "needs a user and no password"),
        ("smtp://h?auth=xoauth2&tenant=x&client_id=i&client_secret=canary", "needs a user and no password"),
        ("smtp://a@h?auth=xoauth2&client_id=i&client_secret=canary", "needs tenant"),
        ("smtp://a@h?auth=xoauth2&tenant=x&client_id=i", "needs client_secret too"),
        ("smtp://a@h?auth=xoauth2&tenant=../x&client_id=i&client_secret=canary", "tenant must be"),
        ("smtp://a@h?auth=xoauth2&refresh_token=canary&client_id=i", "needs client_secret too"),
        ("smtp://a@h?auth=xoauth2&refresh_token=canary&client_id=i&client_secret=canary&tenant=x", "does not go with"),
        ("smtp://a@h?auth=xoauth2&credentials=/canary/no.json", "credentials must be a readable key file"),
        (f"smtp://a@h?auth=xoauth2&{GOOGLE}&token_url=http://canary.example/t", "token_url must be https"),
        (f"smtp://a@h?tls=off&auth=xoauth2&{GOOGLE}", "needs TLS"),
    ],
)
async def test_a_wrong_url_is_refused_without_being_shown(url: str, words: str) -> None:
    client = Http1Client(SystemClock())
    with pytest.raises(ValueError, match=words) as refused:
        from_url(
            ProviderUrl.parse(url),
            sender=Sender.parse("a@b.test"),
            clock=SystemClock(),
            logger=quiet_logger(),
            client=lambda: client,
        )
    assert "canary" not in str(refused.value)
    await client.close()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"client_email": "a", "private_key": "canary"}'])
async def test_an_invalid_key_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    client = Http1Client(SystemClock())
    url = ProviderUrl.parse(f"smtp://a@h?auth=xoauth2&credentials={quote(str(path))}")
    with pytest.raises(ValueError, match=r"credentials must") as refused:
        from_url(
            url,
            sender=Sender.parse("a@b.test"),
            clock=SystemClock(),
            logger=quiet_logger(),
            client=lambda: client,
        )
    assert "canary" not in str(refused.value)
    await client.close()
