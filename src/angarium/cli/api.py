"""The command line's client of the gateway."""

from collections.abc import Mapping
from typing import Any, Self

import httpx2

from angarium.cli.settings import ClientSettings
from angarium.contracts.errors import AngariumError

TIMEOUT = 30.0


class CallFailed(AngariumError):
    """The gateway refused the call or did not answer; `code` is the error code of its answer"""

    def __init__(self, message: str, code: str | None = None) -> None:
        self.code = code
        super().__init__(message)


class Api:
    """Calls one gateway with one API key. Use as a context manager, which closes the connections."""

    def __init__(self, settings: ClientSettings) -> None:
        self._url = settings.gateway_url
        self._client = httpx2.Client(
            base_url=settings.gateway_url, headers={"X-API-Key": settings.key()}, timeout=TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send `body` as JSON, or `content` unchanged, and return the envelope of the answer.

        Raises CallFailed with a message for the user.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            raw: dict[str, Any] = {"content": content, "headers": {"content-type": content_type}}
            sent = {"json": body} if content is None else raw
            answer = self._client.request(method, path, params=given, **sent)
            envelope: dict[str, Any] = answer.json()
        except httpx2.TransportError as error:
            raise CallFailed(_no_answer(self._url, error)) from None
        except ValueError:
            raise CallFailed(f"{self._url} did not answer with JSON. Is it an Angarium gateway?") from None
        if not envelope.get("success"):
            raise CallFailed(_refusal(envelope), (envelope.get("error") or {}).get("code"))
        return envelope

    def download(self, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """GET a file and return its content. Raises CallFailed with a message for the user."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            answer = self._client.get(path, params=given)
        except httpx2.TransportError as error:
            raise CallFailed(_no_answer(self._url, error)) from None
        if answer.is_success:
            return answer.content
        try:
            envelope = answer.json()
        except ValueError:
            raise CallFailed(f"{self._url} answered {answer.status_code}. Is it an Angarium gateway?") from None
        raise CallFailed(_refusal(envelope), (envelope.get("error") or {}).get("code"))


def _no_answer(url: str, error: httpx2.TransportError) -> str:
    return (
        f"{url} does not answer ({type(error).__name__}). Is it running? "
        "Start it with `make run`, or set its address with --url or ANGARIUM_GATEWAY_URL."
    )


def _refusal(envelope: Mapping[str, Any]) -> str:
    error = envelope.get("error") or {}
    details = "".join(f"\n  {detail['field']}: {detail['message']}" for detail in error.get("details", ()))
    return f"{envelope.get('message', 'Refused')} ({error.get('code', 'unknown')}){details}"
