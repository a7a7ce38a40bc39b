"""The port to a provider's HTTP API: one request and its exact outcome."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from angarium.contracts.errors import AngariumError

MOST_READ = 64 * 1024
"""Bytes of an answer's body that are read. Longer bodies are cut, as providers' answers are short."""


class ApiAnswer(msgspec.Struct, frozen=True):
    """A complete answer. Header names are in lower case; `body` is cut at `MOST_READ` bytes."""

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
        """Send one request and read its answer. Follows no redirect, uses no proxy and stores no cookie.

        `timeout`: seconds from the first byte written to the last byte read; by default the client's. Waiting for a
        free connection has no limit; connecting has its own. Raises NotSent or AnswerLost, whose messages contain
        neither the URL nor a header, and ValueError, without sending, for an invalid URL or header.
        """
        ...

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        ...
