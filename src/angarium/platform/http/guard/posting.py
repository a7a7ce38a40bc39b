"""One signed POST to a client-supplied URL, and its result."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2

from angarium import __version__
from angarium.platform.clock import Clock
from angarium.platform.http.guard.guarded import NOT_ALLOWED, GuardedClient, TargetRefused
from angarium.platform.http.guard.signing import Signer
from angarium.platform.http.waiting import parse_retry_after

TIMEOUT = 10.0
"""Seconds for all of an attempt."""
_REFUSED = "refused: "
ADDRESS_REFUSED = f"{_REFUSED}{NOT_ALLOWED}"
CANNOT_CONNECT = "cannot connect"
MOST_READ = 16 * 1024
"""Bytes of a response body that are read and discarded, so that most endpoints can complete their response."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of one POST: a status, or an `error` text, which never contains the URL.

    `retry_after`: the wait that the endpoint requested. `refused`: the URL is not permitted, so nothing was sent.
    """

    at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    refused: bool = False


class SignedPosts:
    """Signs and posts each attempt. Does not close `client`."""

    def __init__(self, client: GuardedClient, signer: Signer, clock: Clock, *, timeout: float = TIMEOUT) -> None:
        self._client = client
        self._signer = signer
        self._clock = clock
        self._timeout = timeout

    async def post(
        self, url: str, *, webhook_id: str, body: str, headers: Mapping[str, str], within: float | None = None
    ) -> Reply:
        """Post the JSON `body`. `within`: timeout in seconds, by default that of the constructor.

        Never raises for failures of an endpoint or its URL.
        Once the status has arrived, it is the result, even if reading the rest of the answer fails.
        """
        at, started = self._clock.now(), self._clock.monotonic()
        heard: list[httpx2.Response] = []
        error, refused = None, False
        try:
            async with asyncio.timeout(self._timeout if within is None else within):
                await self._exchange(url, self._headers(webhook_id, at, body, headers), body, heard)
        except TimeoutError:
            error = "no answer in time"
        except TargetRefused as failure:
            error, refused = f"{_REFUSED}{failure}", True
        except (httpx2.HTTPError, OSError, ValueError) as failure:
            error = _words(failure)
        duration_ms = round((self._clock.monotonic() - started) * 1000)
        if not heard:
            return Reply(at, duration_ms, error=error, refused=refused)
        return _reply(at, duration_ms, heard[0])

    def _headers(self, webhook_id: str, at: datetime, body: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {
            "content-type": "application/json",
            "user-agent": f"Angarium/{__version__}",
            "accept-encoding": "identity",  # no decompression, so the body cannot grow
            **headers,
            **self._signer.headers(webhook_id, at, body),
        }

    async def _exchange(self, url: str, headers: Mapping[str, str], body: str, heard: list[httpx2.Response]) -> None:
        async with self._client.stream("POST", url, headers=headers, content=body.encode()) as answer:
            heard.append(answer)
            await _skim(answer)


async def _skim(answer: httpx2.Response) -> None:
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read >= MOST_READ:
            return


def _reply(at: datetime, duration_ms: int, answer: httpx2.Response) -> Reply:
    error = None if answer.is_success else f"answered {answer.status_code}"
    return Reply(at, duration_ms, answer.status_code, error, parse_retry_after(answer.headers.get("retry-after"), at))


def _words(failure: Exception) -> str:
    """Describe the failure without the URL, which may hold a secret."""
    return CANNOT_CONNECT if isinstance(failure, httpx2.ConnectError | OSError) else type(failure).__name__
