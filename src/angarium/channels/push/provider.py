"""Push providers with an HTTP API, each for the devices of its platforms."""

from typing import Protocol

from angarium.channels.api import Api, ApiProvider
from angarium.delivery.provider import Address
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiClient
from angarium.platform.telemetry.logging import Logger

DEFAULT_PLATFORM = "fcm"
"""The platform of an address without one: a `push_token` in a request."""


class PushApi(Api, Protocol):
    """One push service's API. `platforms`: those that it supports."""

    platforms: frozenset[str]


class PushProvider(ApiProvider):
    """Implements `Provider` and `Selective` for a `PushApi`."""

    def __init__(
        self, api: PushApi, client: ApiClient, *, clock: Clock, logger: Logger, timeout: float | None = None
    ) -> None:
        super().__init__(api, client, clock=clock, logger=logger, timeout=timeout)
        self._platforms = api.platforms

    def takes(self, address: Address) -> bool:
        return (address.platform or DEFAULT_PLATFORM) in self._platforms

    def service(self, address: Address) -> str:  # noqa: ARG002 - one service, but for Web Push
        return ""
