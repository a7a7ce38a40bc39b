"""Opens an encrypted and authenticated session, or returns the reason why that failed.

aiosmtplib connects, negotiates TLS and logs in; then `Session` takes over its transport.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

import aiosmtplib

from angarium.channels.email.providers.smtp.classify import Phase, refusal
from angarium.channels.email.providers.smtp.reply import Reply, answer
from angarium.channels.email.providers.smtp.session import Session
from angarium.channels.email.providers.smtp.times import Times
from angarium.delivery.outcome import Configuration, Outcome, Retry
from angarium.platform.http.api.oauth import AccessTokens, TokenRefused, TokenUnavailable

_CREDENTIALS_REFUSED = 535


class Tls(StrEnum):
    """The encryption of a connection."""

    STARTTLS = "starttls"  # RFC 3207; a server that does not offer it gets nothing
    IMPLICIT = "implicit"  # RFC 8314 §3.3
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Server:
    """The server's address and options. `context` verifies the certificate; None only if `tls` is off.

    With `tokens` the user logs in with an access token instead of a password.
    """

    host: str
    port: int
    tls: Tls
    local_hostname: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)
    tokens: AccessTokens | None = field(default=None, repr=False)


class SessionRefused(Exception):
    """There is no session; `outcome` is that of a mail of which nothing was sent"""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome


class _TokenWasRefused(Exception):
    """The server refuses an access token; a new one may be accepted"""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


async def open_session(server: Server, times: Times) -> Session:
    """Open a session that is ready for its first mail, with a timeout for each step. Raises SessionRefused.

    An access token that the server refuses is renewed once.
    """
    try:
        return await _opened(server, times)
    except _TokenWasRefused:
        pass  # it may have been revoked or have expired early
    try:
        return await _opened(server, times)
    except _TokenWasRefused as error:
        raise SessionRefused(refusal(error.reply, Phase.SESSION, answer(error.reply))) from error


async def _opened(server: Server, times: Times) -> Session:
    """Also raises _TokenWasRefused."""
    token = None if server.tokens is None else await _token(server.tokens)
    try:
        sock = await _connect(server, times.connect)
    except TimeoutError as error:
        raise SessionRefused(_unreachable(f"no connection within {times.connect:g} s")) from error
    except OSError as error:
        raise SessionRefused(_outcome_of(error, server)) from error
    try:
        client = _client(server, sock, times)
    except BaseException:
        sock.close()
        raise
    return await _speak(client, server, token, times)


async def _token(tokens: AccessTokens) -> str:
    try:
        return await tokens.current()
    except TokenRefused as error:
        raise SessionRefused(Configuration(str(error))) from error
    except TokenUnavailable as error:
        raise SessionRefused(Retry(str(error))) from error


async def _connect(server: Server, seconds: float) -> socket.socket:
    """A connected socket; each address of the host gets `seconds`. Raises OSError, or TimeoutError of the last one."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(seconds):
                await loop.sock_connect(sock, address)
        except OSError as error:  # TimeoutError is one
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure


def _client(server: Server, sock: socket.socket, times: Times) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=server.host,
        sock=sock,
        use_tls=server.tls is Tls.IMPLICIT,
        start_tls=False,
        tls_context=server.context,
        local_hostname=server.local_hostname,
        timeout=times.greeting,
    )


async def _speak(client: aiosmtplib.SMTP, server: Server, token: str | None, times: Times) -> Session:
    try:
        await _prepare(client, server, token)
        return _take_over(client, times)
    except (SessionRefused, _TokenWasRefused):
        client.close()
        raise
    except aiosmtplib.SMTPTimeoutError as error:
        client.close()
        raise SessionRefused(_unreachable(f"no answer within {times.greeting:g} s")) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise SessionRefused(_outcome_of(error, server)) from error
    except BaseException:
        client.close()
        raise


async def _prepare(client: aiosmtplib.SMTP, server: Server, token: str | None) -> None:
    await client.connect()
    await _hello(client)
    if server.tls is Tls.STARTTLS:
        if not client.supports_extension("starttls"):
            raise SessionRefused(Configuration("the server does not offer STARTTLS; nothing was sent in the clear"))
        await client.starttls()
        await _hello(client)
    if token is not None:
        await _log_in_by_token(client, server, token)
    elif server.username is not None:
        if not client.supported_auth_methods:
            raise SessionRefused(Configuration("the server offers no login that is known here"))
        await client.login(server.username, server.password or "")


async def _log_in_by_token(client: aiosmtplib.SMTP, server: Server, token: str) -> None:
    """The library answers the 334 with an error by an empty line, as both providers require."""
    if "xoauth2" not in client.server_auth_methods:
        raise SessionRefused(Configuration("the server does not offer login by an access token (XOAUTH2)"))
    try:
        await client.auth_xoauth2(server.username or "", token)
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code != _CREDENTIALS_REFUSED or server.tokens is None:
            raise
        server.tokens.refuse(token)
        raise _TokenWasRefused(Reply(error.code, error.message.replace("\n", " "))) from error


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


def _take_over(client: aiosmtplib.SMTP, times: Times) -> Session:
    if not client.is_connected:
        raise SessionRefused(_unreachable("connection closed"))
    transport = cast("asyncio.Transport", client.transport)
    client.transport = client.protocol = None
    session = Session(transport, client.esmtp_extensions, times)
    transport.set_protocol(session)
    return session


def _outcome_of(error: Exception, server: Server) -> Outcome:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reply = Reply(error.code, error.message.replace("\n", " "))
        return refusal(reply, Phase.SESSION, answer(reply, server.password or ""))
    for cause in (error, error.__cause__):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Configuration(f"the server's certificate is not valid: {cause.verify_message}")
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _unreachable("connection closed during the TLS handshake")
        if isinstance(cause, ssl.SSLError):
            return Configuration(f"TLS failed: {cause.reason or 'handshake'}")
        if isinstance(cause, socket.gaierror):
            return _unreachable("the server's host name was not found")
    return _unreachable(f"no connection ({type(error.__cause__ or error).__name__})")


def _unreachable(words: str) -> Retry:
    return Retry(words, unreachable=True)
