"""Implements the port to HTTP APIs (`platform.http.api.port`) for client-supplied URLs."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import httpx2

from angarium.platform.http.api.http1 import USUAL_HEADERS
from angarium.platform.http.api.port import MOST_READ, AnswerLost, ApiAnswer, Forbidden, NotSent
from angarium.platform.http.guard.guarded import GuardedClient, TargetRefused

SECONDS = 10.0
"""Seconds for a whole exchange: DNS, connection, request and answer."""
_BEGUN = ".send_request_headers.started"


class GuardedApi:
    """Implements `ApiClient` with a `GuardedClient`, which the caller closes. Every request has its own connection.

    `timeout` bounds the whole exchange. Raises Forbidden for a URL that may not be requested.
    """

    def __init__(self, client: GuardedClient, *, seconds: float = SECONDS) -> None:
        self._client = client
        self._seconds = seconds

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
        begun = False

        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            nonlocal begun
            begun = begun or event.endswith(_BEGUN)

        sent = {**USUAL_HEADERS, **headers}
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, url, headers=sent, content=body, trace=trace) as answer,
            ):
                return ApiAnswer(answer.status_code, answer.headers, await _body(answer))
        except TargetRefused as error:
            raise Forbidden(f"refused: {error}") from error
        except TimeoutError:
            raise (AnswerLost if begun else NotSent)(f"no answer within {seconds:g} s") from None
        except (httpx2.TransportError, OSError) as error:
            raise AnswerLost("the connection was lost before the answer") if begun else _unsent(error) from error

    async def close(self) -> None:
        return None


async def _body(answer: httpx2.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= MOST_READ:
            break
    return body[:MOST_READ]


def _unsent(error: Exception) -> NotSent:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotSent("the server's certificate is not valid")
        cause = cause.__cause__ or cause.__context__
    return NotSent("cannot connect")
