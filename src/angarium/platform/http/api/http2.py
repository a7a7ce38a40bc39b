"""HTTP/2 client, over httpx2, of provider APIs that require it (RFC 9113).

Requests to one origin share a connection, up to the server's limit of streams. A refused stream (REFUSED_STREAM, RFC
9113 §8.7) was not processed: NotSent. httpx2 itself repeats requests that a GOAWAY excluded on another connection.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from angarium.platform.http.api.http1 import CONNECT_SECONDS, PER_ORIGIN, SECONDS, USUAL_HEADERS, machine_tls
from angarium.platform.http.api.port import MOST_READ, AnswerLost, ApiAnswer, NotSent, Untrusted

_REFUSED_STREAM = 7
_BEGUN = ".send_request_headers.started"


class Http2Client:
    """Implements `ApiClient` with HTTP/2; requires the extra `http2`. Falls back to HTTP/1.1 for a server without it.

    Raises ImportError if the extra is missing. Arguments as for `Http1Client`.
    """

    def __init__(
        self,
        *,
        tls: Callable[[], ssl.SSLContext] = machine_tls,
        connect_seconds: float = CONNECT_SECONDS,
        seconds: float = SECONDS,
        per_origin: int = PER_ORIGIN,
    ) -> None:
        self._seconds = seconds
        self._client = httpx2.AsyncClient(
            http2=True,
            verify=tls(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(None, connect=connect_seconds),
            limits=httpx2.Limits(max_connections=per_origin, max_keepalive_connections=per_origin),
            headers=USUAL_HEADERS,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - as the port has it
    ) -> ApiAnswer:
        seconds = self._seconds if timeout is None else timeout
        exchange = _Exchange(seconds)
        try:
            request = self._client.build_request(
                method, url, headers=dict(headers), content=body, extensions={"trace": exchange.traced}
            )
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise ValueError("the URL or a header cannot be sent") from error
        try:
            async with exchange.bounded:
                return await self._answer(request)
        except TimeoutError:
            raise AnswerLost(f"no answer within {seconds:g} s") from None
        except httpx2.LocalProtocolError as error:
            raise ValueError("the URL or a header cannot be sent") from error
        except httpx2.TransportError as error:
            raise exchange.failed(error) from error

    async def close(self) -> None:
        await self._client.aclose()

    async def _answer(self, request: httpx2.Request) -> ApiAnswer:
        answer = await self._client.send(request, stream=True)
        try:
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MOST_READ:
                    break
            self._client.cookies.clear()
            return ApiAnswer(answer.status_code, answer.headers, body[:MOST_READ])
        finally:
            await answer.aclose()


class _Exchange:
    """The state of one request. Its timeout starts when its first byte is written."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun = False
        self.bounded = asyncio.timeout(None)

    async def traced(self, event: str, _info: Mapping[str, Any]) -> None:
        """httpx2 calls this at each step."""
        if event.endswith(_BEGUN) and not self._begun:
            self._begun = True
            self.bounded.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def failed(self, error: httpx2.TransportError) -> NotSent | AnswerLost:
        """Translate `error` into an outcome of the request."""
        if isinstance(error, httpx2.ConnectTimeout):
            return NotSent("no connection in time")
        if isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol) or not self._begun:
            cause = _certificate_error(error)
            if cause is not None:
                return Untrusted(f"the server's certificate is not valid: {cause.verify_message}")
            return NotSent("no connection")
        if _refused_stream(error):
            return NotSent("the server refused the stream")
        return AnswerLost("the connection was lost before the answer")


def _certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _refused_stream(error: BaseException) -> bool:
    cause = error.__cause__
    event = cause.args[0] if cause is not None and cause.args else None
    return getattr(event, "error_code", None) == _REFUSED_STREAM
