"""One attempt at one callback."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from angarium import __version__
from angarium.platform.clock import Clock
from angarium.platform.http.guard.guarded import GuardedClient, TargetRefused
from angarium.platform.telemetry.correlation import CORRELATION_HEADER, TRACEPARENT_HEADER, child_traceparent
from angarium.services.gateway.callbacks.body import body_of
from angarium.services.gateway.callbacks.model import Answer, Callback
from angarium.services.gateway.callbacks.signing import Signer

TIMEOUT = 10.0
"""Seconds for all of an attempt."""
MOST_READ = 16 * 1024
"""Bytes of an answer's body that are read, so that a usual endpoint is not cut off; nothing is made of them."""


class CallbackSender:
    """Signs afresh and posts; `client` belongs to its owner."""

    def __init__(self, client: GuardedClient, signer: Signer, clock: Clock, *, timeout: float = TIMEOUT) -> None:
        self._client = client
        self._signer = signer
        self._clock = clock
        self._timeout = timeout

    async def send(self, callback: Callback) -> Answer:
        """What came of it; never raises for what an endpoint or its URL does."""
        at, started = self._clock.now(), self._clock.monotonic()
        heard: list[httpx2.Response] = []
        error = None
        try:
            async with asyncio.timeout(self._timeout):
                await self._exchange(callback, at, heard)
        except TimeoutError:
            error = "no answer in time"
        except TargetRefused as refused:
            error = f"refused: {refused}"
        except (httpx2.HTTPError, OSError, ValueError) as failure:
            error = _words(failure)
        duration_ms = round((self._clock.monotonic() - started) * 1000)
        if not heard:
            return Answer(at, duration_ms, error=error)
        return _answer(at, duration_ms, heard[0])

    async def _exchange(self, callback: Callback, at: datetime, heard: list[httpx2.Response]) -> None:
        body = body_of(callback)
        headers = {
            "content-type": "application/json",
            "user-agent": f"Angarium/{__version__}",
            "accept-encoding": "identity",  # nothing to unpack, so nothing that grows
            CORRELATION_HEADER: callback.correlation_id,
            TRACEPARENT_HEADER: child_traceparent(callback.traceparent),
            **self._signer.headers(callback.webhook_id, at, body),
        }
        async with self._client.stream("POST", callback.url, headers=headers, content=body.encode()) as answer:
            heard.append(answer)
            await _skim(answer)


async def _skim(answer: httpx2.Response) -> None:
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read >= MOST_READ:
            return


def _answer(at: datetime, duration_ms: int, answer: httpx2.Response) -> Answer:
    error = None if answer.is_success else f"answered {answer.status_code}"
    return Answer(at, duration_ms, answer.status_code, error, _retry_after(answer.headers.get("retry-after"), at))


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110 §10.2.3); what is neither is not asked for."""
    if value is None:
        return None
    try:
        if value.isascii() and value.isdigit():
            return timedelta(seconds=int(value))
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return None


def _words(failure: Exception) -> str:
    """What failed, without the URL, which may hold a secret."""
    return "cannot connect" if isinstance(failure, httpx2.ConnectError | OSError) else type(failure).__name__
