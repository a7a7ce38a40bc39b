"""Builds an SMTP provider from its URL.

`smtp://user:password@host:port?tls=starttls|implicit|off&pool=8&timeout=30s&final_timeout=10m&ca=/path/to/ca.pem`

The default of `tls` is `implicit` on port 465, `off` on this machine, otherwise `starttls`. The default port is 465 for
`implicit`, 25 for `off`, otherwise 587 (RFC 8314 §3, RFC 6409). `ca` is the CA of a private certificate. The host may
be a preset: `gmail`, `office365`, `sendgrid`, `mailgun`, `mailgun-eu`, or `ses.REGION`. `timeout` limits each step of
the dialogue except the wait for the answer to the final dot, which `final_timeout` limits; the defaults are those of
RFC 5321. `auth=xoauth2` logs in with an access token (`xoauth2.py`); `dkim_key` signs each mail (`dkim.py`).
"""

import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from angarium.channels.api import refuse_unknown
from angarium.channels.email.library import build_with_library
from angarium.channels.email.message import Sender, build_message
from angarium.channels.email.providers.smtp.connect import Server, Tls
from angarium.channels.email.providers.smtp.dkim import OPTIONS as DKIM_OPTIONS
from angarium.channels.email.providers.smtp.dkim import signer_of, signing
from angarium.channels.email.providers.smtp.provider import POOL, SmtpProvider
from angarium.channels.email.providers.smtp.times import Times
from angarium.channels.email.providers.smtp.xoauth2 import OPTIONS as XOAUTH2_OPTIONS
from angarium.channels.email.providers.smtp.xoauth2 import tokens_of
from angarium.contracts.durations import parse_duration
from angarium.platform.clock import Clock
from angarium.platform.http.api.oauth import AccessTokens
from angarium.platform.http.api.port import ApiClient
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import Logger

PRESETS: Mapping[str, str] = MappingProxyType(
    {
        "gmail": "smtp.gmail.com",
        "office365": "smtp.office365.com",
        "sendgrid": "smtp.sendgrid.net",
        "mailgun": "smtp.mailgun.org",
        "mailgun-eu": "smtp.eu.mailgun.org",
    }
)
_SES = "ses."
_IMPLICIT_PORT = 465
_PORTS: Mapping[Tls, int] = MappingProxyType({Tls.IMPLICIT: _IMPLICIT_PORT, Tls.STARTTLS: 587, Tls.OFF: 25})
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_OPTIONS = frozenset({"tls", "pool", "ca", "final_timeout"}) | XOAUTH2_OPTIONS | DKIM_OPTIONS
_POOL_LIMIT = 1000
_POOLS: Mapping[str, int] = MappingProxyType({PRESETS["office365"]: 3})
"""Exchange Online allows three connections per mailbox:
https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements."""


def from_url(
    url: ProviderUrl,
    *,
    sender: Sender,
    clock: Clock,
    logger: Logger,
    client: Callable[[], ApiClient] | None = None,
    fast_paths: bool = True,
    production: bool = False,
    patience: timedelta | None = None,
) -> SmtpProvider:
    """Build the provider for `url`; it connects at its first send. Raises ValueError, which never shows the URL.

    `client` opens a client for access tokens; without it `auth=xoauth2` is refused. In `production` a password is sent
    to another machine only over TLS (RFC 4954 §4). `patience`: see `SmtpProvider`.
    """
    refuse_unknown(url, *_OPTIONS)
    sign = signer_of(url, sender)
    build = build_message if fast_paths else build_with_library
    server = _server(url, sender, _tokens(url, client, clock))
    if production and server.tls is Tls.OFF and server.password is not None and server.host not in _THIS_MACHINE:
        raise ValueError("a password needs TLS, since ENV is production")
    return SmtpProvider(
        server,
        sender=sender,
        clock=clock,
        logger=logger,
        pool=_pool(url),
        times=_times(url),
        patience=patience,
        build=build if sign is None else signing(build, sign),
    )


def _tokens(url: ProviderUrl, client: Callable[[], ApiClient] | None, clock: Clock) -> AccessTokens | None:
    def opened() -> ApiClient:
        if client is None:
            raise ValueError("auth=xoauth2 needs a client for tokens")
        return client()

    return tokens_of(url, opened, clock)


def _server(url: ProviderUrl, sender: Sender, tokens: AccessTokens | None) -> Server:
    host = _host(url.host)
    tls = _tls(url, host)
    if tokens is not None and tls is Tls.OFF and host not in _THIS_MACHINE:
        raise ValueError("auth=xoauth2 needs TLS: an access token is a password")
    return Server(
        host=host,
        port=url.port or _PORTS[tls],
        tls=tls,
        local_hostname=sender.domain,
        username=url.username,
        password=url.password,
        tokens=tokens,
        context=None if tls is Tls.OFF else _context(url.options.get("ca")),
    )


def _host(host: str | None) -> str:
    if not host:
        raise ValueError("needs a host, as in smtp://user:password@host:587")
    if host.startswith(_SES):
        return f"email-smtp.{host.removeprefix(_SES)}.amazonaws.com"
    return PRESETS.get(host, host)


def _tls(url: ProviderUrl, host: str) -> Tls:
    word = url.options.get("tls")
    if word is not None:
        try:
            return Tls(word)
        except ValueError:
            raise ValueError("tls must be starttls, implicit or off") from None
    if url.port == _IMPLICIT_PORT:
        return Tls.IMPLICIT
    return Tls.OFF if host in _THIS_MACHINE else Tls.STARTTLS


def _times(url: ProviderUrl) -> Times:
    text = url.options.get("final_timeout")
    final = None if text is None else parse_duration(text)
    if final is not None and final <= timedelta(0):
        raise ValueError("final_timeout must be longer than 0")
    return Times.of(url.timeout, final)


def _pool(url: ProviderUrl) -> int:
    text = url.options.get("pool")
    if text is None:
        return _POOLS.get(_host(url.host), POOL)
    if not text.isdecimal() or not 0 < int(text) <= _POOL_LIMIT:
        raise ValueError(f"pool must be a number from 1 to {_POOL_LIMIT}")
    return int(text)


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError:
        raise ValueError("ca must be a readable file of certificates (PEM)") from None
