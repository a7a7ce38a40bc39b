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
    """No connection could be made, or the request was never written: the provider has not seen it"""


class AnswerLost(AngariumError):
    """The request was written, and no complete answer came in time: the provider may have acted on it"""


class ApiClient(Protocol):
    """A pool of connections to HTTP APIs. Safe to call concurrently."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout: float | None = None
    ) -> ApiAnswer:
        """Send one request and read its answer; no redirect is followed, no cookie is kept.

        `timeout`: seconds for the whole exchange, else the client's own; the time until a connection is there is
        bounded apart from it. Raises NotSent or AnswerLost, whose messages hold neither the URL nor a header.
        """
        ...

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        ...
