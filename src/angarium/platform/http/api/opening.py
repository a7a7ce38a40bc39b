"""Opens a client for the HTTP APIs of providers."""

from contextlib import AsyncExitStack

from angarium.platform.clock import Clock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.http.api.port import ApiClient
from angarium.platform.http.api.tracing import TracedApiClient
from angarium.platform.telemetry.tracing import Tracing


def open_api_client(stack: AsyncExitStack, clock: Clock, *, tracing: Tracing | None = None) -> ApiClient:
    """An HTTP/1.1 client that trusts the system's certificate authorities, closed with `stack`."""
    client = Http1Client(clock)
    stack.push_async_callback(client.close)
    return client if tracing is None else TracedApiClient(client, tracing)
