"""The dependencies of the users and templates services, in their own process or in a shared one."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.directory.gateway.reporting import ChangeReports
from angarium.directory.settings import SurroundingsSettings
from angarium.platform.auth.development import service_token_of
from angarium.platform.cache.opening import open_cache
from angarium.platform.cache.port import Cache
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.opening import open_client
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.rate_limit.opening import open_limiter
from angarium.platform.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The runtime, the cache, the rate limits, and the gateway's client, authenticator and change reports."""

    runtime: Runtime
    cache: Cache
    limiter: RateLimiter
    gateway: ServiceClient
    service_token: str | None
    authenticator: RemoteAuthenticator
    reports: ChangeReports


def open_surroundings(settings: SurroundingsSettings, runtime: Runtime, stack: AsyncExitStack) -> Surroundings:
    """Open the surroundings of a separate process, closed with `stack`. Raises SettingsError."""
    return build_surroundings(
        runtime,
        cache=open_cache(settings.cache_url, runtime, stack),
        gateway=open_client(settings.gateway_url, "gateway", settings, runtime, stack),
        limiter=open_limiter(settings.rate_limit, settings.cache_url, runtime, stack),
        service_token=service_token_of(settings),
    )


def build_surroundings(
    runtime: Runtime, *, cache: Cache, limiter: RateLimiter, gateway: ServiceClient, service_token: str | None
) -> Surroundings:
    """Build the surroundings of a service in a process that already has these parts."""
    return Surroundings(
        runtime=runtime,
        cache=cache,
        limiter=limiter,
        gateway=gateway,
        service_token=service_token,
        authenticator=RemoteAuthenticator(gateway, service_token, runtime.clock),
        reports=ChangeReports(gateway, runtime),
    )
