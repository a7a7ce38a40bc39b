"""OAuth 2.0 access tokens (RFC 6749), fetched on demand and renewed shortly before they expire."""

import asyncio
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from angarium.contracts.errors import AngariumError
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import AnswerLost, ApiAnswer, ApiClient, NotSent, Untrusted

_MARGIN_SECONDS = 300.0
_USUAL_SECONDS = 3600.0
"""Lifetime of a token if the answer names none (RFC 6749 §5.1 recommends `expires_in`)."""
_PAUSE_SECONDS = 2.0
_ERROR = re.compile(r"[a-z_]{1,40}")
_MICROSOFT_CODE = re.compile(r"AADSTS\d{4,8}")


class TokenRefused(AngariumError):
    """The token endpoint refuses our credentials: only a person can change that"""


class TokenUnavailable(AngariumError):
    """The token endpoint gives no answer now"""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float | str = _USUAL_SECONDS


class AccessTokens:
    """The access token of one account. Safe to use concurrently: requests at most one token at a time.

    `form` returns the fields of each request. After a failure there is no request for 2 s; until then the failure is
    raised again.
    """

    def __init__(self, client: ApiClient, url: str, form: Callable[[], Mapping[str, str]], clock: Clock) -> None:
        self._client = client
        self._url = url
        self._form = form
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._token = ""
        self._until = 0.0
        self._failure: TokenRefused | TokenUnavailable | None = None
        self._pause_until = 0.0

    async def current(self) -> str:
        """A token that is expected to be valid for some minutes. Raises TokenRefused or TokenUnavailable."""
        if self._clock.monotonic() < self._until:
            return self._token
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if now < self._until:
                return self._token
            if self._failure is not None and now < self._pause_until:
                raise self._failure
            try:
                await self._fetch()
            except (TokenRefused, TokenUnavailable) as failure:
                self._failure = failure
                self._pause_until = self._clock.monotonic() + _PAUSE_SECONDS
                raise
            self._failure = None
            return self._token

    def refuse(self, token: str) -> None:
        """Discard a `token` that the API refused; the next caller gets a new one."""
        if token == self._token:
            self._until = 0.0

    async def _fetch(self) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        asked = self._clock.monotonic()
        try:
            answer = await self._client.request(
                "POST", self._url, headers=headers, body=urlencode(dict(self._form())).encode()
            )
        except Untrusted as error:
            raise TokenRefused(f"no access token: {error}") from error
        except (NotSent, AnswerLost) as error:  # a repeated request is harmless
            raise TokenUnavailable(f"no access token: {error}") from error
        token = _token_of(answer)
        seconds = _seconds(token.expires_in)
        self._token = token.access_token
        self._until = asked + seconds - min(_MARGIN_SECONDS, seconds / 10)


def _token_of(answer: ApiAnswer) -> _Token:
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise TokenUnavailable(f"no access token: the token endpoint answered {answer.status}")
    if answer.status == HTTPStatus.OK:
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise TokenUnavailable("no access token: the token endpoint's answer cannot be read") from None
        if token.access_token.isascii() and token.access_token.isprintable() and token.access_token:
            return token
        raise TokenUnavailable("no access token: the token endpoint's answer cannot be read")
    raise TokenRefused(f"no access token: {' '.join([str(answer.status), *_reasons(answer)])}")


def _reasons(answer: ApiAnswer) -> list[str]:
    """The error code (RFC 6749 §5.2) and Microsoft's number, without the description, which may be confidential."""
    try:
        fields = msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []
    error, description = str(fields.get("error", "")), str(fields.get("error_description", ""))
    number = _MICROSOFT_CODE.search(description)
    return [*([error] if _ERROR.fullmatch(error) else []), *([number[0]] if number else [])]


def _seconds(value: float | str) -> float:
    try:
        return max(float(value), 0.0)
    except ValueError:
        return _USUAL_SECONDS
