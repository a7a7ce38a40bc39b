"""Posts each message to its recipient's own URL: signed, guarded, and fair between hosts.

| answer | outcome |
|---|---|
| 2xx | sent |
| 408, 425, 429, 5xx, no answer in time, no connection | retry, not before the `Retry-After` |
| an address that is not allowed; everything else, 3xx included | permanent |

A lost answer is a retry too: `webhook-id` is the same at every attempt, so that a receiver knows a second one.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from angarium.channels.webhook.body import NoWebhook, body_of
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Busy, ImmediatePermit, Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.guard.posting import Reply, SignedPosts
from angarium.platform.telemetry.correlation import CORRELATION_HEADER

AT_ONE_HOST = 16
"""Messages that are under way to one host at once, at most, so that a host that hangs leaves room for others."""
_SHARE = 4
"""One host has at most one slot of a worker in this many."""
BUSY_WAIT, LONGEST_BUSY_WAIT = timedelta(seconds=1), timedelta(seconds=30)
"""How long a message waits for a host that has enough of them: about as long as those before it take."""
_WEIGHT = 0.2
"""Of the newest duration in their moving average."""
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_OK, _REDIRECTS, _SERVER_ERRORS = 200, 300, 500


@dataclass(slots=True)
class _Host:
    """What is under way to one host, how many wait for it, and how long one takes (moving average)."""

    under_way: int = 0
    waiting: int = 0
    seconds: float = 1.0

    def wait(self, at_once: int) -> timedelta:
        """How long one more has to wait."""
        self.waiting += 1
        expected = timedelta(seconds=self.seconds * self.waiting / at_once)
        return min(max(expected, BUSY_WAIT), LONGEST_BUSY_WAIT)

    def ended(self, seconds: float) -> None:
        """One of those under way has ended."""
        self.under_way -= 1
        self.waiting = max(self.waiting - 1, 0)
        self.seconds += _WEIGHT * (seconds - self.seconds)


class HttpProvider:
    """Posts to any URL. No answer of an endpoint speaks about this provider: each has an owner of its own.

    `posts` belongs to its owner. `timeout`: seconds for a whole attempt.
    """

    name = "http"

    def __init__(
        self, posts: SignedPosts, clock: Clock, *, timeout: float | None = None, at_one_host: int = AT_ONE_HOST
    ) -> None:
        self._posts = posts
        self._clock = clock
        self._timeout = timeout
        self._at_one_host = at_one_host
        self._hosts: dict[str, _Host] = {}
        self._closed = False

    def acquire(self, message: Outbound) -> ImmediatePermit:
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        """As of the port. Raises Busy where enough messages are under way to the host: nothing was sent."""
        if self._closed:
            return Retry("the provider is closed", provider_fault=False)
        try:
            body = body_of(message)
            body.encode()
        except NoWebhook as error:
            return Permanent(str(error), code="invalid_message")
        except ValueError:
            return Permanent("the message is not Unicode", code="invalid_message")
        name = _host(message.address.value)
        host = self._hosts.setdefault(name, _Host())
        if host.under_way >= self._at_one_host:
            raise Busy(host.wait(self._at_one_host))
        host.under_way += 1
        started = self._clock.monotonic()
        try:
            return await self._posted(message, body)
        finally:
            host.ended(self._clock.monotonic() - started)
            if not host.under_way:
                del self._hosts[name]

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True

    async def _posted(self, message: Outbound, body: str) -> Outcome:
        try:
            headers = {CORRELATION_HEADER: message.correlation_id} if message.correlation_id else {}
            reply = await self._posts.post(
                message.address.value,
                webhook_id=message.message_key,
                body=body,
                headers=headers,
                within=self._timeout,
            )
        except Exception as error:  # noqa: BLE001 - the port promises an outcome whatever happens
            return Retry(f"internal error ({type(error).__name__})", provider_fault=False)
        return outcome_of(reply, message.message_key)


def share_of_a_host(concurrency: int) -> int:
    """How many messages may be under way to one host, in a worker that sends `concurrency` at once."""
    return max(1, min(AT_ONE_HOST, concurrency // _SHARE))


def outcome_of(reply: Reply, message_key: str) -> Outcome:
    """What `reply` means, by the table above."""
    status = reply.status_code
    if status is None:
        words = reply.error or "no answer"
        return Permanent(words, code="invalid_address") if reply.refused else Retry(words, provider_fault=False)
    if _OK <= status < _REDIRECTS:
        return Sent(str(status), message_key)
    if status in _RETRIED or status >= _SERVER_ERRORS:
        return Retry(f"answered {status}", after=reply.retry_after, provider_fault=False)
    return Permanent(f"answered {status}")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
