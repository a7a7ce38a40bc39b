"""The channel from its settings."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from angarium.channels.webhook.channel import Settings, build_kit
from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.hosts import AT_ONE_HOST, share_of_a_host
from angarium.delivery.process import ProviderParts
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.platform.settings.values import parse_provider_urls
from tests.support.mailbox_gateway import quiet_logger


@pytest.fixture
async def parts() -> AsyncIterator[ProviderParts]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        client = ServiceClient("http://gateway", service_token=None, name="gateway")
        stack.push_async_callback(client.close)
        yield ProviderParts(
            gateway=client, clock=clock, identifiers=Identifiers(clock), logger=quiet_logger(), stack=stack
        )


def _settings(folder: Path, providers: str, **changes: object) -> Settings:
    given = {"data_dir": folder, "webhook_providers": parse_provider_urls(providers), **changes}
    return Settings().model_copy(update=given)


async def test_http_and_the_providers_of_all_channels(parts: ProviderParts, tmp_path: Path) -> None:
    kit = build_kit(_settings(tmp_path, "http://?timeout=5s,mailbox://,sandbox://"), parts)
    assert kit.channel is Channel.WEBHOOK
    assert [provider.name for provider in kit.providers] == ["http", "mailbox", "sandbox"]
    assert isinstance(kit.providers[0], HttpProvider)
    assert (tmp_path / "callback-secret").read_text().startswith("whsec_")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com", "takes no host"),
        ("http://:8080", "takes no host"),
        ("http://u:p@", "takes no host"),
        ("http:///path", "takes no host"),
        ("http://?colour=red", "has an unknown parameter: colour"),
        ("https://", "unknown provider https"),
        ("smtp://mail", "unknown provider smtp"),
    ],
)
async def test_a_wrong_provider_stops_the_start(parts: ProviderParts, tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=rf"^ANGARIUM_WEBHOOK_PROVIDERS: .*{words}"):
        build_kit(_settings(tmp_path, url), parts)


async def test_production_signs_with_a_secret_that_is_set(parts: ProviderParts, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^ANGARIUM_CALLBACK_SECRET: must be set"):
        build_kit(_settings(tmp_path, "http://", env="production"), parts)
    assert not (tmp_path / "callback-secret").exists()


def test_in_production_it_is_off_until_it_is_configured() -> None:
    unset = Settings().model_copy(update={"env": "production"})
    assert unset.providers(Channel.WEBHOOK) == ()
    given = Settings(webhook_providers=parse_provider_urls("http://")).model_copy(update={"env": "production"})
    assert [url.scheme for url in given.providers(Channel.WEBHOOK)] == ["http"]
    assert [url.scheme for url in Settings().providers(Channel.WEBHOOK)] == ["mailbox"]


@pytest.mark.parametrize(("concurrency", "share"), [(1, 1), (3, 1), (16, 4), (64, 16), (128, AT_ONE_HOST)])
def test_a_host_has_a_part_of_a_workers_slots(concurrency: int, share: int) -> None:
    assert share_of_a_host(concurrency) == share
