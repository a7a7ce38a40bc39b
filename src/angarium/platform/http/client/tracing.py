"""Client spans of requests between services, used only with tracing."""

from collections.abc import Mapping
from http import HTTPStatus

from angarium.platform.http.client.exchange import Answer, Exchange
from angarium.platform.telemetry.correlation import TRACEPARENT_HEADER
from angarium.platform.telemetry.tracing import Kind, Tracing, spanned


class TracedExchange:
    """Implements `Exchange` with a span per request, the parent of the called service's span.

    The path is not an attribute, since it may contain a token. The called service's span has the route.
    """

    def __init__(self, exchange: Exchange, tracing: Tracing, service: str) -> None:
        self._exchange = exchange
        self._tracing = tracing
        self._service = service

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        attributes = {"http.request.method": method, "service.peer.name": self._service}
        with spanned(self._tracing, f"{method} {self._service}", Kind.CLIENT, attributes) as span:
            answer = await self._exchange.ask(
                method, target, {**headers, TRACEPARENT_HEADER: span.traceparent}, content
            )
            span.set("http.response.status_code", answer.status_code)
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                span.fail(str(answer.status_code))
            return answer

    async def close(self) -> None:
        await self._exchange.close()
