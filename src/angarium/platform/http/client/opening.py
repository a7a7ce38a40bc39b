"""Opens a client of another service for the lifetime of a process."""

from contextlib import AsyncExitStack

import httpx2

from angarium.platform.auth.development import service_token_of
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.exchange import Exchange
from angarium.platform.http.server.tls import client_context
from angarium.platform.runtime import Runtime
from angarium.platform.settings.groups import ServiceTokenSettings


def open_client(
    url: str,
    name: str,
    settings: ServiceTokenSettings,
    runtime: Runtime,
    stack: AsyncExitStack,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    exchange: Exchange | None = None,
) -> ServiceClient:
    """A client of the service `name` at `url`, with the token and the TLS of `settings`; closed with `stack`.

    `transport` replaces the network, for a service in the same process, and `exchange` for one in the parent process.
    Raises SettingsError.
    """
    client = ServiceClient(
        url,
        service_token=service_token_of(settings),
        name=name,
        transport=transport,
        exchange=exchange,
        tls=client_context(settings),
        clock=runtime.clock,
        fast_paths=settings.fast,
        tracing=runtime.tracing,
    )
    stack.push_async_callback(client.close)
    return client
