"""The port for HTTP exchanges with one server."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2
import msgspec

AT_ONCE = 200
KEPT = 50
KEPT_SECONDS = 30.0
"""Shorter than the server's idle timeout, so that the server rarely closes a connection first."""
_SUCCESS = range(200, 300)


class ConnectionLost(ConnectionError):
    """The connection ended, or what came was no HTTP, before the answer was there

    `unsent`: the server cannot have read the whole request, so it has not acted on it.
    """

    def __init__(self, *words: str, unsent: bool = False) -> None:
        self.unsent = unsent
        super().__init__(*words)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer. Header names are in lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return self.status_code in _SUCCESS

    def json(self) -> Any:
        """The content, decoded. Raises ValueError."""
        return msgspec.json.decode(self.content)


class Exchange(Protocol):
    """Exchanges with one server. Safe to use concurrently."""

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send one request and return its answer; `target` is the encoded path and query.

        Raises ConnectionLost if the request may have arrived, OSError if it cannot have arrived, and ValueError,
        without sending, for a header with a line break. There is no timeout: the caller cancels.
        """
        ...

    async def close(self) -> None:
        """Close every connection; idempotent."""
        ...


class TransportExchange:
    """Exchanges over a transport of httpx2, such as an `ASGITransport` to an app in this process."""

    def __init__(self, base_url: str, transport: httpx2.AsyncBaseTransport) -> None:
        self._base_url = base_url.rstrip("/")
        self._transport = transport

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        # as the network carries them: text would be encoded as ASCII
        sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        request = httpx2.Request(method, f"{self._base_url}{target}", headers=sent, content=content or None)
        try:
            answer = await self._transport.handle_async_request(request)
            return Answer(answer.status_code, answer.headers, await answer.aread())
        except httpx2.LocalProtocolError as error:
            raise ValueError(str(error)) from error
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
            raise ConnectionLost from error
        except httpx2.TransportError as error:
            raise ConnectionError from error

    async def close(self) -> None:
        await self._transport.aclose()


def network_transport(tls: ssl.SSLContext | None) -> httpx2.AsyncBaseTransport:
    """httpx2's network transport with the limits of `Connections`. `tls`: None for the system's CAs."""
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=KEPT, keepalive_expiry=KEPT_SECONDS)
    verify = tls or httpx2.create_ssl_context(trust_env=False)
    return httpx2.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
