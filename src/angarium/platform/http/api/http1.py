"""HTTP/1.1 client of provider APIs over kept-alive connections (RFC 9112).

It controls its connections, so a failure has an exact meaning:

| what happened | raised |
|---|---|
| DNS, connection or TLS failed | NotSent, Untrusted |
| an idle connection was closed before it was used | another one is used |
| lost before the whole request was passed to the kernel | reused connection: one retry on a new one; else NotSent |
| lost or timed out after that, with or without a partial answer | AnswerLost |

A server that closes an idle connection while a request is in flight may have read it: HTTP/1.1 cannot tell (RFC 9112
§9.3.1). So idle connections are closed early, and checked before they are used.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from angarium import __version__
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import MOST_READ, AnswerLost, ApiAnswer, NotSent, Untrusted
from angarium.platform.http.client.connection import Connection
from angarium.platform.http.client.exchange import Answer, ConnectionLost

CONNECT_SECONDS = 10.0
SECONDS = 30.0
PER_ORIGIN = 128
"""Connections to one origin: as many as a worker sends at once by default."""
_IDLE_SECONDS = 20.0
"""Shorter than servers' usual idle timeout, so that the server rarely closes first."""
USUAL_HEADERS: Mapping[str, str] = {"user-agent": f"Angarium/{__version__}", "accept-encoding": "identity"}
_FORBIDDEN_IN_TARGET = frozenset(chr(code) for code in (*range(0x21), 0x7F)) | {"#"}


def machine_tls() -> ssl.SSLContext:
    """Trust in the machine's certificate authorities."""
    return httpx2.create_ssl_context(trust_env=False)


class Http1Client:
    """Implements `ApiClient`. The origins are those of configured providers, so they are never evicted.

    `tls` is called at the first https URL. `connect_seconds` bounds DNS, connection and TLS handshake together,
    `seconds` an exchange. There are at most `per_origin` connections to an origin; further requests wait in order.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tls: Callable[[], ssl.SSLContext] = machine_tls,
        connect_seconds: float = CONNECT_SECONDS,
        seconds: float = SECONDS,
        per_origin: int = PER_ORIGIN,
    ) -> None:
        self._clock = clock
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._connect_seconds = connect_seconds
        self._seconds = seconds
        self._per_origin = per_origin
        self._origins: dict[str, _Origin] = {}
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - as the port has it
    ) -> ApiAnswer:
        origin, target = self._parsed(url)
        request = _head(method, target, origin.authority, headers, len(body)) + body
        async with origin.room:
            answer = await self._answered(origin, request, self._seconds if timeout is None else timeout)
        return ApiAnswer(answer.status_code, answer.headers, answer.content)

    async def close(self) -> None:
        self._closed = True
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop()[1].close()
        await asyncio.sleep(0)  # the loop closes the sockets

    def _parsed(self, url: str) -> "tuple[_Origin, str]":
        scheme, separator, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        target = slash + path if slash else "/"
        if not separator or not target.isascii() or not _FORBIDDEN_IN_TARGET.isdisjoint(target):
            raise ValueError("the URL cannot be sent")
        key = f"{scheme}://{authority}"
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin.parse(key, self._per_origin)
        return origin, target

    async def _answered(self, origin: "_Origin", request: bytes, seconds: float) -> Answer:
        connection = self._kept(origin)
        if connection is not None:
            try:
                return await self._exchange(origin, connection, request, seconds)
            except ConnectionLost as lost:
                if not lost.unsent:
                    raise AnswerLost("the connection was lost before the answer") from lost
        connection = await self._connected(origin)
        try:
            return await self._exchange(origin, connection, request, seconds)
        except ConnectionLost as lost:
            if lost.unsent:
                raise NotSent("the connection was lost before the request was sent") from lost
            raise AnswerLost("the connection was lost before the answer") from lost

    async def _exchange(self, origin: "_Origin", connection: Connection, request: bytes, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                answer = await connection.ask(request, without_body=False)
        except TimeoutError:
            late = NotSent if connection.unsent else AnswerLost
            raise late(f"no answer within {seconds:g} s") from None
        finally:
            if not connection.free or self._closed:
                connection.close()
        if connection.free:
            origin.idle.append((self._clock.monotonic() + _idle_seconds(answer), connection))
        return answer

    def _kept(self, origin: "_Origin") -> Connection | None:
        now = self._clock.monotonic()
        while origin.idle:
            until, connection = origin.idle.pop()
            if connection.free and until > now and connection.quiet():
                return connection
            connection.close()
        return None

    async def _connected(self, origin: "_Origin") -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connect(origin)
        except TimeoutError:
            raise NotSent(f"no connection within {self._connect_seconds:g} s") from None
        except OSError as error:
            raise _refused(error) from error

    async def _connect(self, origin: "_Origin") -> Connection:
        """Connect to the first of the server's addresses that accepts; each gets a share of the time."""
        loop = asyncio.get_running_loop()
        tls = self._context() if origin.encrypted else None
        server_name = origin.host if origin.encrypted else None
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                async with asyncio.timeout(self._connect_seconds / min(len(addresses), 2)):
                    _, connection = await loop.create_connection(
                        lambda: Connection(MOST_READ), address, origin.port, ssl=tls, server_hostname=server_name
                    )
                    return connection
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


@dataclass(slots=True)
class _Origin:
    """One origin: its address, its limit of concurrent requests, and its idle connections with their expiry."""

    encrypted: bool
    host: str
    port: int
    authority: str
    room: asyncio.Semaphore
    idle: list[tuple[float, Connection]] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, per_origin: int) -> "_Origin":
        try:
            url = httpx2.URL(text)
        except httpx2.InvalidURL:
            raise ValueError("the URL cannot be sent") from None
        if url.scheme not in {"http", "https"} or not url.raw_host or url.userinfo or url.raw_path != b"/":
            raise ValueError("the URL cannot be sent")
        encrypted = url.scheme == "https"
        port = url.port or (443 if encrypted else 80)
        room = asyncio.Semaphore(per_origin)
        return cls(encrypted, url.raw_host.decode("ascii"), port, url.netloc.decode("ascii"), room)


def _head(method: str, target: str, authority: str, headers: Mapping[str, str], length: int) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"host: {authority}"]
    lines += [f"{name}: {value}" for name, value in USUAL_HEADERS.items() if name not in headers]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length or method not in {"GET", "HEAD", "DELETE"}:
        lines.append(f"content-length: {length}")
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1 or "\0" in head:
        raise ValueError("a header holds a line break")
    try:
        return f"{head}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a header holds a character that cannot be sent") from None


def _idle_seconds(answer: Answer) -> float:
    """How long the connection may stay idle: the server may ask for less than our default (`Keep-Alive`)."""
    for part in answer.headers.get("keep-alive", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "timeout" and value.isdecimal():
            return min(_IDLE_SECONDS, int(value) / 2)
    return _IDLE_SECONDS


def _refused(error: OSError) -> NotSent:
    """Why the connection failed, without the host, which may be part of a secret URL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Untrusted(f"the server's certificate is not valid: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return NotSent(f"TLS failed: {error.reason or 'handshake'}")
    if isinstance(error, socket.gaierror):
        return NotSent("the server's host name was not found")
    if isinstance(error, ConnectionRefusedError):
        return NotSent("the connection was refused")
    return NotSent(f"no connection ({type(error).__name__})")
