"""Makes one attempt of a callback."""

from angarium.platform.http.guard.guarded import asking_for
from angarium.platform.http.guard.posting import ADDRESS_REFUSED, CANNOT_CONNECT, SignedPosts
from angarium.platform.telemetry.correlation import CORRELATION_HEADER, TRACEPARENT_HEADER, child_traceparent
from angarium.platform.telemetry.tracing import Kind, Tracing, Value, spanned
from angarium.services.gateway.callbacks.body import body_of
from angarium.services.gateway.callbacks.model import Answer, Callback

UNREACHED = f"{CANNOT_CONNECT}, or the address is refused"
"""The same answer for both; otherwise a tenant could find out which names exist in the operator's network."""


class CallbackSender:
    """Signs and posts each attempt. The caller closes `posts`."""

    def __init__(self, posts: SignedPosts) -> None:
        self._posts = posts

    async def send(self, callback: Callback) -> Answer:
        """Make an attempt and return its result. Never raises for failures of an endpoint or its URL."""
        return await self._attempt(callback, child_traceparent(callback.traceparent))

    async def _attempt(self, callback: Callback, traceparent: str) -> Answer:
        headers = {CORRELATION_HEADER: callback.correlation_id, TRACEPARENT_HEADER: traceparent}
        with asking_for(callback.tenant):
            reply = await self._posts.post(
                callback.url, webhook_id=callback.webhook_id, body=body_of(callback), headers=headers
            )
        error = UNREACHED if reply.error in {ADDRESS_REFUSED, CANNOT_CONNECT} else reply.error
        return Answer(reply.at, reply.duration_ms, reply.status_code, error, reply.retry_after)


class TracedSender(CallbackSender):
    """A sender with a span per attempt, a child of the notification's and the parent for the endpoint.

    Neither the URL nor the host is an attribute, since they belong to the tenant and may contain a secret.
    """

    def __init__(self, posts: SignedPosts, tracing: Tracing) -> None:
        super().__init__(posts)
        self._tracing = tracing

    async def send(self, callback: Callback) -> Answer:
        attributes: dict[str, Value] = {
            "http.request.method": "POST",
            "http.request.resend_count": callback.tries,
            "angarium.notification_id": str(callback.notification_id),
            "angarium.callback_id": str(callback.id),
            "angarium.status": str(callback.status),
        }
        name, parent = "POST callback", callback.traceparent
        with spanned(self._tracing, name, Kind.CLIENT, attributes, parent=parent) as span:
            answer = await self._attempt(callback, span.traceparent)
            if answer.status_code is not None:
                span.set("http.response.status_code", answer.status_code)
            if answer.error is not None:
                span.fail("unreached" if answer.status_code is None else str(answer.status_code))
            return answer
