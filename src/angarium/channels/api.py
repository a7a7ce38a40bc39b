"""The common base of providers with an HTTP API.

A provider describes its requests and answers (`Api`). `ApiProvider` implements the rest of
`delivery.provider.Provider`: connections, timeouts, lost answers, and closing.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import msgspec

from angarium.channels.answers import AnswerTable, Verdict, failure
from angarium.delivery.outcome import Ambiguous, Outcome, Permanent, Retry, Sent
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Busy, NoPermit, Outbound, Provider
from angarium.delivery.providers.registry import Factory
from angarium.platform.clock import Clock
from angarium.platform.http.api.http1 import PER_ORIGIN
from angarium.platform.http.api.opening import open_api_client
from angarium.platform.http.api.port import AnswerLost, ApiAnswer, ApiClient, NotSent
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import Logger


class ApiRequest(msgspec.Struct, frozen=True):
    """One request: an absolute URL, header fields with lower-case names, and the body."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


class Unsendable(Exception):
    """No request can be made of the message, or not now. `outcome` has the reason."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome


def invalid(reason: str) -> Unsendable:
    """A message that can never be sent: `reason` names the invalid part, without its content."""
    return Unsendable(Permanent(reason, code="invalid_message"))


class Api(Protocol):
    """One provider's API: pure, except for fetching tokens. Implementations inherit from it."""

    name: str
    """The technology, as `Provider.name`."""
    table: AnswerTable
    """The meaning of its refusals."""
    secrets: tuple[str, ...]
    """Secrets that must not appear in an outcome's text."""

    async def request(self, message: Outbound) -> ApiRequest:
        """The request that sends `message`. Raises Unsendable."""
        ...

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:
        """The result if the provider accepted the message; None: the answer is a refusal, and the table decides."""
        ...

    def renewed(self, request: ApiRequest, answer: ApiAnswer) -> bool:  # noqa: ARG002 - most have nothing to renew
        """Whether the cause of this refusal of `request`, such as an expired token, has been removed.

        If so, the request is repeated once.
        """
        return False


class ApiProvider:
    """Implements `Provider` for an `Api`. The caller closes `client`.

    A permit is one of `at_once` requests. `timeout`: seconds per request, by default the client's.
    """

    def __init__(
        self,
        api: Api,
        client: ApiClient,
        *,
        clock: Clock,
        logger: Logger,
        at_once: int = PER_ORIGIN,
        timeout: float | None = None,
    ) -> None:
        self.name = api.name
        self._api = api
        self._client = client
        self._clock = clock
        self._logger = logger
        self._timeout = timeout
        self._at_once = at_once
        self._places = asyncio.Semaphore(at_once)
        self._closed = False

    def acquire(self, message: Outbound) -> "_Place":
        return _Place(self, message)

    async def send(self, message: Outbound) -> Outcome:
        try:
            async with self.acquire(message) as permit:
                return await permit.send()
        except Busy:
            raise
        except NoPermit:
            return Retry("the provider is closed", provider_fault=False)

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        """Refuse new messages and let running requests end. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._at_once):
            await self._places.acquire()
        for _ in range(self._at_once):
            self._places.release()

    async def enter(self) -> None:
        """Acquire a slot, waiting without a limit. Raises NoPermit once closed."""
        if not self._closed:
            await self._places.acquire()
            if not self._closed:
                return
            self._places.release()
        raise NoPermit

    def leave(self) -> None:
        """Release a slot."""
        self._places.release()

    async def deliver(self, message: Outbound) -> Outcome:
        """Make one attempt. Raises only CancelledError; subclasses may raise Busy."""
        try:
            return await self._attempt(message, again=True)
        except Unsendable as error:
            return error.outcome
        except (NotSent, AnswerLost) as error:
            return failure(error)
        except Exception as error:  # the port promises an outcome whatever happens
            self._logger.exception("provider.broken", provider=self.name)
            return Ambiguous(f"internal error ({type(error).__name__})")

    async def _attempt(self, message: Outbound, *, again: bool) -> Outcome:
        request = await self._api.request(message)
        answer = await self._answer(request)
        sent = self._api.accepted(answer, message)
        if sent is not None:
            return sent
        if again and self._api.renewed(request, answer):
            return await self._attempt(message, again=False)
        return self._refusal(answer, message, self._clock.now())

    async def _answer(self, request: ApiRequest) -> ApiAnswer:
        try:
            return await self._client.request(
                request.method, request.url, headers=request.headers, body=request.body, timeout=self._timeout
            )
        except ValueError as error:  # before anything is sent
            raise invalid("the message holds what HTTP cannot carry") from error

    def _refusal(self, answer: ApiAnswer, message: Outbound, now: datetime) -> Outcome:
        table = self._api.table
        hidden = (*self._api.secrets, message.address.value, message.address.name or "")
        outcome = table.outcome(answer, now, *hidden, attempt=message.attempt)
        if table.verdict(answer, message.attempt) is Verdict.POLICY:
            self._logger.warning(
                "provider.policy",
                provider=self.name,
                answer=outcome.answer,
                notification_id=message.notification_id,
            )
        return outcome


class _Place:
    """A permit: one of the provider's slots."""

    def __init__(self, provider: ApiProvider, message: Outbound) -> None:
        self._provider = provider
        self._message = message

    async def __aenter__(self) -> Self:
        await self._provider.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._provider.leave()

    async def send(self) -> Outcome:
        return await self._provider.deliver(self._message)


class ApiProviders:
    """Builds a channel's providers with HTTP APIs. They share one client, opened for the first one."""

    def __init__(self, parts: ProviderParts) -> None:
        self._parts = parts
        self._client: ApiClient | None = None

    @property
    def client(self) -> ApiClient:
        """The channel's client, closed after its providers when the process ends."""
        if self._client is None:
            self._client = open_api_client(self._parts.stack, self._parts.clock, tracing=self._parts.tracing)
        return self._client

    def factory(self, make: Callable[[ProviderUrl], Api]) -> Factory:
        """A factory for providers with the API from `make`; it raises ValueError for an invalid URL."""

        def build(url: ProviderUrl) -> Provider:
            timeout = None if url.timeout is None else url.timeout.total_seconds()
            api = make(url)
            return ApiProvider(api, self.client, clock=self._parts.clock, logger=self._parts.logger, timeout=timeout)

        return build


def api_origin(url: ProviderUrl, usual: str) -> str:
    """The API's origin: `usual`, or the URL's `base_url`, without a trailing slash."""
    return usual if url.base_url is None else url.base_url


def refuse_unknown(url: ProviderUrl, *known: str) -> None:
    """Raise ValueError that names the first parameter that is not `known`."""
    unknown = url.options.keys() - set(known)
    if unknown:
        raise ValueError(f"has an unknown parameter: {min(unknown)}")
