"""The port to a provider's HTTP API: one request, and what is known about it afterwards."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from angarium.contracts.errors import AngariumError

MOST_READ = 64 * 1024
"""Bytes of an answer's body that are read. What is longer is cut: answers of providers are short."""


class ApiAnswer(msgspec.Struct, frozen=True):
    """A complete answer. Names of `headers` are in lower case; `body` is cut at `MOST_READ` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotSent(AngariumError):
    """No connection could be made, or the request was not written in full: the provider cannot have acted on it"""


class Untrusted(NotSent):
    """The server's certificate is not valid, so nothing was sent: only a person can change that"""


class Forbidden(NotSent):
    """The URL leads to an address that must not be reached, so nothing was sent"""


class AnswerLost(AngariumError):
    """The request was written, and no complete answer came in time: the provider may have acted on it"""


class ApiClient(Protocol):
    """A pool of connections to HTTP APIs. Safe to call concurrently."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - the client bounds each part of the exchange apart
    ) -> ApiAnswer:
        """Send one request and read its answer. No redirect is followed, no proxy is used, no cookie is stored.

        `timeout`: seconds from the first byte written to the last one read, else the client's own. Waiting for one of
        the origin's connections has no limit; making a connection has one of its own.
        Raises NotSent or AnswerLost, whose messages hold neither the URL nor a header; ValueError, and sends nothing,
        for a URL or header that cannot be sent.
        """
        ...

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        ...
