"""A provider that sends nothing and simulates the outcome named by the recipient's address.

| email, any domain | phone | push token, or path of a URL or of a browser's endpoint | answer |
|---|---|---|---|
| `bounce@` | `+15005550001` | `bounce` | permanent refusal, address suppressed |
| `timeout@` | `+15005550002` | `timeout` | no answer within the URL's `timeout`, at every attempt |
| `retry@` | `+15005550003` | `retry` | one retryable answer, then sent |
| `fail-N@` | | `fail-N` | N retryable answers, then sent |
| `fail@` | `+15005550004` | `fail` | a retryable answer on every attempt |
| `ambiguous@` | `+15005550005` | `ambiguous` | the answer is lost on every attempt |
| `reject@` | `+15005550006` | `reject` | permanent refusal, address kept |
| `misconfigured@` | `+15005550007` | `misconfigured` | the provider refuses us |
| anything else | | | sent |

A `+tag` (email) or `:tag` (token) may follow: `bounce+42@example.com`, `fail-2:phone`,
`https://example.com/fail-2`.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import ImmediatePermit, Outbound
from angarium.platform.clock import Clock

_PHONES: Mapping[str, str] = MappingProxyType(
    {
        "+15005550001": "bounce",
        "+15005550002": "timeout",
        "+15005550003": "retry",
        "+15005550004": "fail",
        "+15005550005": "ambiguous",
        "+15005550006": "reject",
        "+15005550007": "misconfigured",
    }
)
_FAIL = re.compile(r"fail-(\d{1,3})")


class SandboxProvider:
    """Answers from the message alone, by the table above. It is stateless, so any number of instances agree."""

    name = "sandbox"

    def __init__(self, clock: Clock | None = None, *, timeout: timedelta | None = None) -> None:
        """`timeout`: how long `timeout@` takes; without it no time at all."""
        self._clock = clock
        self._timeout = timeout
        self._closed = False

    def acquire(self, message: Outbound) -> ImmediatePermit:
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        if self._closed:
            return Retry("the provider is closed", provider_fault=False)
        word = _word(message)
        failing = _FAIL.fullmatch("fail-1" if word == "retry" else word)
        if failing is not None and message.attempt <= int(failing[1]):
            return Retry("451 sandbox: try again", provider_fault=False)
        if word == "timeout" and self._clock is not None and self._timeout is not None:
            await self._clock.sleep(self._timeout.total_seconds())
        return _OUTCOMES.get(word) or Sent("250 sandbox: accepted", f"sandbox-{message.message_key}")

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True


def _word(message: Outbound) -> str:
    value = message.address.value.lower()
    match message.channel:
        case Channel.EMAIL:
            return value.rpartition("@")[0].partition("+")[0]
        case Channel.SMS:
            return _PHONES.get(value, "")
        case Channel.PUSH:
            return (value or _path(_endpoint(message))).partition(":")[0]
        case Channel.WEBHOOK:
            return _path(value).partition(":")[0]


def _endpoint(message: Outbound) -> str:
    """The endpoint of a browser's subscription, which has no token."""
    return str((message.address.subscription or {}).get("endpoint", "")).lower()


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        return ""


_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "bounce": Permanent("550 5.1.1 sandbox: no such recipient", suppress=True),
        "timeout": Retry("sandbox: no answer in time"),
        "fail": Retry("451 sandbox: try again", provider_fault=False),
        "ambiguous": Ambiguous("sandbox: the answer was lost"),
        "reject": Permanent("550 5.7.1 sandbox: refused"),
        "misconfigured": Configuration("535 sandbox: credentials refused"),
    }
)
