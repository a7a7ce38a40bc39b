"""Signed mails, verified by dkimpy as they arrive at the server."""

import base64
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from angarium.channels.email.message import Sender
from angarium.channels.email.providers.smtp.provider import SmtpProvider
from angarium.channels.email.providers.smtp.url import from_url
from angarium.delivery.outcome import Sent
from angarium.platform.clock import SystemClock
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import EmailContent
from angarium.testing.providers import outbound
from angarium.testing.smtp.server import SmtpServer
from tests.support.mailbox_gateway import quiet_logger

UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://example.org/u/" + "t" * 150 + ">",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def provider(server: SmtpServer | None, options: str, *, fast_paths: bool = True) -> SmtpProvider:
    return from_url(
        ProviderUrl.parse(f"smtp://127.0.0.1:{server.port if server else 25}?tls=off&{options}"),
        sender=Sender.parse("Angarium <notify@example.org>"),
        clock=SystemClock(),
        logger=quiet_logger(),
        fast_paths=fast_paths,
    )


def written(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    path = folder / "dkim.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return quote(str(path))


def record(key: rsa.RSAPrivateKey, expected_name: bytes) -> Callable[..., bytes]:
    """The DNS record of the key, found under its name alone."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        assert name == expected_name
        return text

    return look_up


CONTENTS = [
    EmailContent("Hello John", "<p>Hello John</p>", "Hello John"),
    EmailContent("Grüße " + "ü" * 200, "<p>é  \r\n.\r\n  </p>\r\n\r\n", "é\n.\n \n\n"),
    EmailContent("", None, None),
]


@pytest.mark.parametrize("fast_paths", [True, False])
@pytest.mark.parametrize("content", CONTENTS, ids=["usual", "unicode and dots", "empty"])
async def test_a_signature_verifies_on_arrival(tmp_path: Path, content: EmailContent, *, fast_paths: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    options = f"dkim_key={written(tmp_path, key)}&dkim_selector=s1&dkim_domain=mail.example.org"
    async with SmtpServer() as server:
        smtp = provider(server, options, fast_paths=fast_paths)
        assert isinstance(await smtp.send(outbound(content=content, headers=UNSUBSCRIBE)), Sent)
        await smtp.close()
    mail = server.received[0].data
    look_up = record(key, b"s1._domainkey.mail.example.org.")
    assert dkim.verify(mail, dnsfunc=look_up)
    signed = signed_fields(mail)
    assert {"from", "to", "subject", "date", "message-id", "content-type"} <= set(signed)
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signed)
    assert signed.count("from") == signed.count("subject") == 2
    for field in (b"List-Unsubscribe: <https://example.org/u/", b"List-Unsubscribe-Post:", b"Subject:"):
        assert not dkim.verify(mail.replace(field, field + b"x", 1), dnsfunc=look_up), field
    assert not dkim.verify(mail + b"more\r\n", dnsfunc=look_up)
    assert not dkim.verify(mail.replace(b"From: ", b"Subject: x\r\nFrom: ", 1), dnsfunc=look_up)


def signed_fields(mail: bytes) -> list[str]:
    head = mail.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode()
    [line] = [line for line in head.split("\r\n") if line.startswith("DKIM-Signature:")]
    [names] = [tag.partition("=")[2] for tag in line.split(";") if tag.strip().startswith("h=")]
    return [name.strip().lower() for name in names.split(":")]


async def test_the_domain_is_that_of_the_sender_unless_given(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    async with SmtpServer() as server:
        smtp = provider(server, f"dkim_key={written(tmp_path, key)}&dkim_selector=s1")
        assert isinstance(await smtp.send(outbound()), Sent)
        await smtp.close()
    assert dkim.verify(server.received[0].data, dnsfunc=record(key, b"s1._domainkey.example.org."))


def test_a_key_that_cannot_sign_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("canary")
    bad = quote(str(tmp_path / "bad.pem"))
    curve = written(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    for options, words in [
        ("dkim_selector=s1", "dkim_selector needs dkim_key too"),
        (f"dkim_key={bad}", "dkim_key needs dkim_selector too"),
        ("dkim_key=/no/canary.pem&dkim_selector=s1", "dkim_key must be a readable file"),
        (f"dkim_key={bad}&dkim_selector=s1", "dkim_key must be an RSA private key"),
        (f"dkim_key={curve}&dkim_selector=s1", "dkim_key must be an RSA private key"),
        (f"dkim_key={curve}&dkim_selector=s%201;", "dkim_selector must be a domain name"),
        (f"dkim_key={curve}&dkim_selector=s1&dkim_domain=a%0D%0Ab", "dkim_domain must be a domain name"),
    ]:
        with pytest.raises(ValueError, match=words) as refused:
            provider(None, options)
        assert "canary" not in str(refused.value)


def test_without_its_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = written(tmp_path, rsa.generate_private_key(65537, 2048))
    monkeypatch.setitem(sys.modules, "dkim", None)
    with pytest.raises(ValueError, match=r"pip install 'angarium\[dkim\]'"):
        provider(None, f"dkim_key={key}&dkim_selector=s1")
