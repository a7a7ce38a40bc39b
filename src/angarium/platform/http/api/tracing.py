"""The client spans of requests to providers' APIs. Only a process with tracing has any of this."""

from collections.abc import Mapping
from http import HTTPStatus

from angarium.platform.http.api.port import ApiAnswer, ApiClient
from angarium.platform.telemetry.tracing import Kind, Tracing, Value, spanned


class TracedApiClient:
    """Implements `ApiClient`: a span around each request. The provider gets no trace header.

    Neither the URL nor the host is an attribute: either may hold a secret or an address.
    """

    def __init__(self, client: ApiClient, tracing: Tracing) -> None:
        self._client = client
        self._tracing = tracing

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout: float | None = None,  # noqa: ASYNC109 - as the port has it
    ) -> ApiAnswer:
        attributes: dict[str, Value] = {"http.request.method": method, "http.request.body.size": len(body)}
        with spanned(self._tracing, method, Kind.CLIENT, attributes) as span:
            answer = await self._client.request(method, url, headers=headers, body=body, timeout=timeout)
            span.set("http.response.status_code", answer.status)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                span.fail(str(answer.status))
            return answer

    async def close(self) -> None:
        await self._client.close()
