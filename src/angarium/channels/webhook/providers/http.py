"""Posts each message to its recipient's URL: signed, guarded against SSRF, and fair between hosts.

| answer | outcome |
|---|---|
| 2xx | sent |
| 408, 425, 429, 5xx, no answer in time, no connection | retry, not before the `Retry-After` |
| an address that is not allowed; everything else, 3xx included | permanent |

A lost answer is a retry too: `webhook-id` is the same on every attempt, so receivers can detect duplicates.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from angarium.channels.webhook.body import NoWebhook, body_of
from angarium.delivery.hosts import AT_ONE_HOST, Hosts
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import ImmediatePermit, Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.guard.posting import Reply, SignedPosts
from angarium.platform.telemetry.correlation import (
    CORRELATION_HEADER,
    TRACEPARENT_HEADER,
    child_traceparent,
    current_traceparent,
)

_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_OK, _REDIRECTS, _SERVER_ERRORS = 200, 300, 500


class HttpProvider:
    """Posts to any URL. Answers of endpoints never count as provider faults, since each has its own owner.

    The caller closes `posts`. `timeout`: seconds for a whole attempt.
    """

    name = "http"

    def __init__(
        self, posts: SignedPosts, clock: Clock, *, timeout: float | None = None, at_one_host: int = AT_ONE_HOST
    ) -> None:
        self._posts = posts
        self._timeout = timeout
        self._hosts = Hosts(clock, at_one_host)
        self._closed = False

    def acquire(self, message: Outbound) -> ImmediatePermit:
        return ImmediatePermit(self.send, message)

    async def send(self, message: Outbound) -> Outcome:
        """As the port. Raises Busy, with nothing sent, if the host's limit is reached."""
        if self._closed:
            return Retry("the provider is closed", provider_fault=False)
        try:
            body = body_of(message)
            body.encode()
        except NoWebhook as error:
            return Permanent(str(error), code="invalid_message")
        except ValueError:
            return Permanent("the message is not Unicode", code="invalid_message")
        with self._hosts.under_way(_host(message.address.value)):
            return await self._posted(message, body)

    async def ready(self) -> bool:
        return not self._closed

    async def close(self) -> None:
        self._closed = True

    async def _posted(self, message: Outbound, body: str) -> Outcome:
        try:
            reply = await self._posts.post(
                message.address.value,
                webhook_id=message.message_key,
                body=body,
                headers=_headers(message),
                within=self._timeout,
            )
        except Exception as error:  # noqa: BLE001 - the port promises an outcome whatever happens
            return Retry(f"internal error ({type(error).__name__})", provider_fault=False)
        return outcome_of(reply, message.message_key)


def outcome_of(reply: Reply, message_key: str) -> Outcome:
    """The outcome of `reply`, by the table above."""
    status = reply.status_code
    if status is None:
        words = reply.error or "no answer"
        return Permanent(words, code="invalid_address") if reply.refused else Retry(words, provider_fault=False)
    if _OK <= status < _REDIRECTS:
        return Sent(str(status), message_key)
    if status in _RETRIED or status >= _SERVER_ERRORS:
        return Retry(f"answered {status}", after=reply.retry_after, provider_fault=False)
    return Permanent(f"answered {status}")


def _headers(message: Outbound) -> Mapping[str, str]:
    """The correlation id and the trace of the notification, where it has them."""
    headers = {CORRELATION_HEADER: message.correlation_id} if message.correlation_id else {}
    if trace := current_traceparent():
        headers[TRACEPARENT_HEADER] = child_traceparent(trace)
    return headers


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
