"""Rate-limit headers of responses to rate-limited callers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.platform.http.frame.dependencies import STANDING_KEY
from angarium.platform.rate_limit.tally import Standing


class RateLimitMiddleware:
    """Adds the RateLimit header fields from the state that authentication stored in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_standing(message: Message) -> None:
            standing: Standing | None = scope.get(STANDING_KEY)
            if standing is not None and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *standing.raw_headers()]
            await send(message)

        await self._app(scope, receive, send_with_standing)
