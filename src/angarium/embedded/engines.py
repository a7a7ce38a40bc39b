"""The engines of the embedded system: all in its one process, or each in the worker process of its channel."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType

from angarium.channels.registry import CHANNELS, OWN_SCHEMES
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit, EngineParts, build_engine
from angarium.delivery.engine import Engine
from angarium.delivery.process import provider_parts
from angarium.delivery.providers.installed import installed_providers
from angarium.delivery.settings import WorkerSettings
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.runtime import Runtime

IN_PROCESS: Mapping[str, str] = MappingProxyType(
    {"users_url": "http://users", "templates_url": "http://templates", "gateway_url": "http://gateway"}
)
"""The services' addresses in settings: names that no network resolves."""


async def check_providers(settings: WorkerSettings, runtime: Runtime) -> None:
    """Raise SettingsError for a provider that cannot be made, before anything is created or logged."""
    async with AsyncExitStack() as stack:
        gateway = ServiceClient(settings.gateway_url, service_token=None, name="gateway", fast_paths=settings.fast)
        stack.push_async_callback(gateway.close)
        _open_kits(settings, gateway, runtime, stack)


def open_engines(
    settings: WorkerSettings,
    parts: EngineParts,
    gateway: ServiceClient,
    stack: AsyncExitStack,
    channels: Collection[Channel] = tuple(Channel),
) -> tuple[Engine, ...]:
    """Open an engine for each of `channels` that has a provider; closed with `stack`. Raises SettingsError."""
    kits = _open_kits(settings, gateway, parts.runtime, stack, channels)
    return tuple(
        build_engine(
            kit,
            parts,
            retry_delays=settings.delays(kit.channel),
            concurrency=settings.worker_concurrency,
            prefetch=settings.worker_prefetch,
        )
        for kit in kits
        if kit.providers
    )


def _open_kits(
    settings: WorkerSettings,
    gateway: ServiceClient,
    runtime: Runtime,
    stack: AsyncExitStack,
    channels: Collection[Channel] = tuple(Channel),
) -> Sequence[ChannelKit]:
    """The kits of `channels`, their providers closed with the stack. Raises SettingsError."""
    around = provider_parts(gateway, runtime, stack, installed_providers(OWN_SCHEMES))
    kits = [entry.build_kit(settings, around) for channel, entry in CHANNELS.items() if channel in channels]
    for provider in [provider for kit in kits for provider in kit.providers]:
        stack.push_async_callback(provider.close)
    return kits
