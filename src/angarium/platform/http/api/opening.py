"""Opens a client for the HTTP APIs of providers."""

from contextlib import AsyncExitStack

from angarium.platform.clock import Clock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.http.api.port import ApiClient


def open_api_client(stack: AsyncExitStack, clock: Clock) -> ApiClient:
    """An HTTP/1.1 client that trusts the system's certificate authorities, closed with `stack`."""
    client = Http1Client(clock)
    stack.push_async_callback(client.close)
    return client
