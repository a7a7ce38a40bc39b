"""The client between services: kept-alive connections, timeouts, the caller and correlation in headers."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from angarium.contracts.errors import Transient
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Caller
from angarium.platform.auth.service_token import caller_headers
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.http.client.connection import Connections
from angarium.platform.http.client.exchange import (
    Answer,
    ConnectionLost,
    Exchange,
    TransportExchange,
    network_transport,
)
from angarium.platform.http.client.tracing import TracedExchange
from angarium.platform.telemetry.correlation import (
    CORRELATION_HEADER,
    TRACEPARENT_HEADER,
    child_traceparent,
    current_correlation_id,
    current_traceparent,
)
from angarium.platform.telemetry.tracing import Tracing

TIMEOUT_SECONDS = 2.0
TAKEN_ALONG = ("accept", "accept-language", "content-type", "if-match", "if-none-match")
PASSED_BACK = ("allow", "content-type", "etag", "idempotent-replayed", "location", "retry-after")
PAGE_HEADERS = (
    "cache-control",
    "content-security-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-robots-tag",
)
"""Security headers of a service's page, which are passed back with it."""
_TARGET = "%/?:@!$&'()*+,;=[]"
"""Characters that a path and query may contain unencoded (RFC 3986 §3), and `%`: encoded input is not encoded again."""


class ServiceDown(Transient):
    """A service does not answer, or answers with a fault of its own"""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A service's response, returned unchanged. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ServiceClient:
    """Client of one service.

    `timeout`: seconds for a whole call. `transport` replaces the network: an `httpx2.ASGITransport` calls an app in
    this process. So does `exchange`, which the client then closes. Without `fast_paths` httpx2's own transport is used.
    `tls`: see `platform.http.tls.client_context`. A GET on a kept-alive connection that turns out to be closed is
    retried once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        service_token: str | None,
        name: str,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx2.AsyncBaseTransport | None = None,
        exchange: Exchange | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        fast_paths: bool = True,
        tracing: Tracing | None = None,
    ) -> None:
        self.name = name
        self._own_headers = {} if service_token is None else {SERVICE_TOKEN_HEADER: service_token}
        self._timeout = timeout
        self._exchange: Exchange
        if exchange is not None:
            self._exchange = exchange
        elif transport is not None:
            self._exchange = TransportExchange(base_url, transport)
        elif fast_paths:
            self._exchange = Connections(base_url, tls=tls, patience=timeout / 2, clock=clock or SystemClock())
        else:
            self._exchange = TransportExchange(base_url, network_transport(tls))
        if tracing is not None:
            self._exchange = TracedExchange(self._exchange, tracing, name)

    async def get(self, path: str, *, tenant: str, caller: Caller | None = None) -> Answer:
        """GET `path`. Returns every status below 500, including 404. Raises ServiceDown."""
        return _sound(self.name, await self._send("GET", path, self._headers(tenant, caller)))

    async def post(
        self,
        path: str,
        *,
        tenant: str,
        caller: Caller | None = None,
        json: Any = None,
        content: bytes | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """POST `content` unchanged, or `json` encoded. Returns every status below 500.

        Raises ServiceDown, also if there is no answer within `seconds`, by default the client's timeout.
        """
        headers = self._headers(tenant, caller)
        headers["content-type"] = "application/json"
        body = content if content is not None else msgspec.json.encode(json)
        return _sound(self.name, await self._send("POST", path, headers, body, seconds))

    async def forward(
        self,
        method: str,
        path: str,
        *,
        caller: Caller,
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Forwarded:
        """Forward a client's request on behalf of `caller` and return the answer.

        Of `headers` (lower-case names) only those of `TAKEN_ALONG` are forwarded. A JSON answer is
        returned whatever its status. Raises ServiceDown if there is no answer within `seconds`, by default the client's
        timeout.
        """
        sent = self._headers(caller.tenant, caller)
        sent.update({name: headers[name] for name in TAKEN_ALONG if headers is not None and name in headers})
        answer = await self._send(method, f"{path}?{query}" if query else path, sent, body, seconds)
        if not answer.headers.get("content-type", "application/json").startswith("application/json"):
            _sound(self.name, answer)
        kept = {name: answer.headers[name] for name in (*PASSED_BACK, *PAGE_HEADERS) if name in answer.headers}
        return Forwarded(answer.status_code, kept, answer.content)

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._exchange.close()

    def _headers(self, tenant: str, caller: Caller | None) -> dict[str, str]:
        headers = {**self._own_headers, **caller_headers(tenant, caller)}
        headers[TRACEPARENT_HEADER] = child_traceparent(current_traceparent())
        correlation_id = current_correlation_id()
        if correlation_id is not None:
            headers[CORRELATION_HEADER] = correlation_id
        return headers

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"", seconds: float | None = None
    ) -> Answer:
        target = quote(path, safe=_TARGET)
        try:
            async with asyncio.timeout(seconds or self._timeout):
                return await self._send_again_if_stale(method, target, headers, content)
        except OSError as error:
            message = f"{self.name} does not answer ({type(error).__name__})"
            raise ServiceDown(message) from error

    async def _send_again_if_stale(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes
    ) -> Answer:
        try:
            return await self._exchange.ask(method, target, headers, content)
        except ConnectionLost:
            if method != "GET":
                raise
            return await self._exchange.ask(method, target, headers, content)


def _sound(name: str, answer: Answer) -> Answer:
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"{name} answered {answer.status_code}"
        raise ServiceDown(message)
    return answer
