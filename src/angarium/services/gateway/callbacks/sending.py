"""One attempt at one callback."""

from angarium.platform.http.guard.guarded import asking_for
from angarium.platform.http.guard.posting import ADDRESS_REFUSED, CANNOT_CONNECT, SignedPosts
from angarium.platform.telemetry.correlation import CORRELATION_HEADER, TRACEPARENT_HEADER, child_traceparent
from angarium.services.gateway.callbacks.body import body_of
from angarium.services.gateway.callbacks.model import Answer, Callback

UNREACHED = f"{CANNOT_CONNECT}, or the address is refused"
"""One answer for both: else a tenant could find out which names are inside the operator's network."""


class CallbackSender:
    """Signs afresh and posts; `posts` belongs to its owner."""

    def __init__(self, posts: SignedPosts) -> None:
        self._posts = posts

    async def send(self, callback: Callback) -> Answer:
        """What came of it; never raises for what an endpoint or its URL does."""
        headers = {
            CORRELATION_HEADER: callback.correlation_id,
            TRACEPARENT_HEADER: child_traceparent(callback.traceparent),
        }
        with asking_for(callback.tenant):
            reply = await self._posts.post(
                callback.url, webhook_id=callback.webhook_id, body=body_of(callback), headers=headers
            )
        error = UNREACHED if reply.error in {ADDRESS_REFUSED, CANNOT_CONNECT} else reply.error
        return Answer(reply.at, reply.duration_ms, reply.status_code, error, reply.retry_after)
