"""A client for client-supplied URLs that never connects to an internal address, whatever a name resolves to.

It resolves names itself, checks every address and connects to the checked address, so DNS rebinding has no effect.
`Host` and the TLS server name are those of the URL.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from angarium.platform.http.guard.addresses import AddressRefused, Network, permitted
from angarium.platform.shares import Shares

RESOLVERS = 64
"""Concurrent name look-ups. A name whose servers do not answer blocks a thread until the system's timeout.
"""
_PORTS = {"http": 80, "https": 443}

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) → its addresses. Raises OSError."""

NOT_ALLOWED = "the address is not allowed"


class TargetRefused(Exception):
    """The URL is not allowed: its scheme, its form, or an address that it resolves to"""


_asker: ContextVar[str] = ContextVar("asker", default="")


@contextmanager
def asking_for(tenant: str) -> Iterator[None]:
    """In this context names are resolved with `tenant`'s share of the threads."""
    token = _asker.set(tenant)
    try:
        yield
    finally:
        _asker.reset(token)


class SystemResolver:
    """Resolves names through the system, in its own threads, so that look-ups that hang do not delay other work.

    Each tenant (`asking_for`) has a share of the threads. A thread is in use until the system answers, even after the
    look-up timed out.
    """

    def __init__(self, threads: int = RESOLVERS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")
        self._shares = Shares(threads)
        self._freed = asyncio.Event()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        asker, loop = _asker.get(), asyncio.get_running_loop()
        while self._shares.room(asker) <= 0:
            self._freed.clear()
            await self._freed.wait()
        self._shares.take(asker)
        look_up: Future[list[str]] = self._threads.submit(_look_up, host, port)
        look_up.add_done_callback(lambda _: _tell(loop, self._give_back, asker))
        found = await asyncio.wrap_future(look_up)
        return list(dict.fromkeys(found))

    def _give_back(self, asker: str) -> None:
        self._shares.give_back(asker)
        self._freed.set()

    def close(self) -> None:
        """Start no further look-ups. Idempotent."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[str], None], asker: str) -> None:
    """Set the result from a thread; the loop may have been closed meanwhile."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what, asker)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedClient:
    """Requests client-supplied URLs. Follows no redirect, uses no proxy and keeps no connection.

    `allowed` ranges are exempt from the guard, and only they may use plain http. The caller closes `resolve`.
    """

    def __init__(
        self,
        *,
        resolve: Resolve,
        allowed: Collection[Network] = (),
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._resolve = resolve
        self._allowed = tuple(allowed)
        # A kept connection would be reused by address, regardless of the name it was verified for.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(timeout, connect=timeout / 2),  # so that a second address is tried
            limits=limits,
            follow_redirects=False,
            trust_env=False,
            verify=tls if tls is not None else True,
            transport=transport,
        )

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, trace: Trace | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """Send one request and yield the answer with its body unread. `trace` is httpx2's trace extension.

        Raises TargetRefused before anything is sent; httpx2.TransportError and OSError if there is no answer. The
        client's timeout applies to each step; the caller bounds the whole.
        """
        target = _parsed(url)
        addresses = await self._addresses(target)
        extensions = {"sni_hostname": _ascii_host(target)} | ({} if trace is None else {"trace": trace})
        asked = _Asked(method, target, {**headers, "host": target.netloc.decode("ascii")}, content, extensions)
        answer = await self._ask(asked, addresses)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._client.aclose()

    async def _addresses(self, target: httpx2.URL) -> Sequence[str]:
        host, port = _ascii_host(target), target.port or _PORTS[target.scheme]
        try:
            found = await self._resolve(host, port)
            addresses = permitted(host, found, self._allowed, plain=target.scheme == "http")
        except (AddressRefused, ValueError) as error:
            raise TargetRefused(NOT_ALLOWED) from error
        return [str(address) for address in addresses]

    async def _ask(self, asked: "_Asked", addresses: Sequence[str]) -> httpx2.Response:
        """Send the request to the first address that accepts a connection."""
        for address in addresses[:-1]:
            try:
                return await self._ask_at(address, asked)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._ask_at(addresses[-1], asked)

    async def _ask_at(self, address: str, asked: "_Asked") -> httpx2.Response:
        request = self._client.build_request(
            asked.method,
            asked.target.copy_with(host=address),
            headers=asked.headers,
            content=asked.content,
            extensions=asked.extensions,
        )
        return await self._client.send(request, stream=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, independent of the address that it is sent to."""

    method: str
    target: httpx2.URL
    headers: Mapping[str, str]
    content: bytes
    extensions: dict[str, Any]


def _ascii_host(target: httpx2.URL) -> str:
    return target.raw_host.decode("ascii")


def _parsed(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError, ValueError) as error:
        message = "this is no URL"
        raise TargetRefused(message) from error
    if target.scheme not in _PORTS or not target.host:
        message = "only http and https URLs with a host are asked"
        raise TargetRefused(message)
    if target.userinfo:
        message = "a URL with credentials is not asked"
        raise TargetRefused(message)
    return target
