"""SMS through Acme: `ANGARIUM_SMS_PROVIDERS=acme://KEY@api.acme.example`.

The API is made up: `POST /messages` with `to`, `text` and `key`, which Acme gives back as the id of the message.
"""

import asyncio
from datetime import timedelta

import httpx2

from angarium.providers import (
    Ambiguous,
    Channel,
    Configuration,
    ImmediatePermit,
    Outbound,
    Outcome,
    Permanent,
    ProviderEntry,
    ProviderSurroundings,
    ProviderUrl,
    Retry,
    Sent,
    SmsContent,
)

TIMEOUT = timedelta(seconds=30)


class Acme:
    """One account at Acme."""

    name = "acme"

    def __init__(self, origin: str, key: str, timeout: timedelta = TIMEOUT) -> None:
        self._closed = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._client = httpx2.AsyncClient(
            base_url=origin,
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(timeout.total_seconds(), pool=None),  # the wait for a connection is no attempt
        )

    def acquire(self, message: Outbound) -> ImmediatePermit:
        """The client has a pool of its own."""
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        """Send once. Whatever happens is an outcome."""
        if self._closed:
            return Retry("closed", provider_fault=False)
        if not isinstance(message.content, SmsContent):
            return Permanent("no text message")
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._post(message, message.content.text)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _post(self, message: Outbound, text: str) -> Outcome:
        try:
            body = {"to": message.address.value, "text": text, "key": message.message_key}
            response = await self._client.post("/messages", json=body)
        except UnicodeEncodeError:
            return Permanent("a text that is no Unicode")
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return Retry(type(error).__name__, unreachable=True)
        except httpx2.HTTPError as error:
            return Ambiguous(type(error).__name__)  # the request may have arrived
        return _outcome(response)

    async def ready(self) -> bool:
        """Whether it is open."""
        return not self._closed

    async def close(self) -> None:
        """Let what is under way end, and refuse the rest."""
        self._closed = True
        await self._idle.wait()
        await self._client.aclose()


def _outcome(response: httpx2.Response) -> Outcome:
    answer = f"{response.status_code} {response.reason_phrase}"
    match response.status_code:
        case 200 | 201 | 202:
            return Sent(answer, response.json()["id"])
        case 401 | 403:
            return Configuration(answer)
        case 408 | 429:
            after = response.headers.get("retry-after", "")
            return Retry(answer, after=timedelta(seconds=int(after)) if after.isdigit() else None)
        case code if code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            return Retry(answer)
        case _:
            return Permanent(answer)


def build(url: ProviderUrl, _around: ProviderSurroundings) -> Acme:
    """The provider that a URL describes. Raises ValueError."""
    if url.options:
        raise ValueError(f"has an unknown parameter: {min(url.options)}")
    if not url.username or not url.host:
        raise ValueError("must be acme://KEY@HOST")
    return Acme(url.base_url or f"https://{url.host}", url.username, url.timeout or TIMEOUT)


ACME = ProviderEntry(channels=frozenset({Channel.SMS}), build=build)
"""What the entry point `acme` leads to."""
