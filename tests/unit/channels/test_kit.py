"""A channel's kit has its own providers, those of every channel, and those of other packages that serve it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from angarium.channels.registry import CHANNELS, OWN_SCHEMES
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Channel
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.providers.installed import ProviderEntry, ProviderSurroundings
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.clock import SystemClock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.identifiers import Identifiers
from angarium.platform.settings.values import ProviderUrl
from tests.support.mailbox_gateway import quiet_logger


def build(url: ProviderUrl, around: ProviderSurroundings) -> Provider:
    assert around.clock is not None
    if url.host is None:
        raise ValueError("needs a host")
    return SandboxProvider()


ACME = ProviderEntry(channels=frozenset({Channel.SMS}), build=build)


@pytest.fixture
async def parts() -> AsyncIterator[ProviderParts]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        client = ServiceClient("http://gateway", service_token=None, name="gateway")
        stack.push_async_callback(client.close)
        yield ProviderParts(
            gateway=client,
            clock=clock,
            identifiers=Identifiers(clock),
            logger=quiet_logger(),
            stack=stack,
            installed={"acme": ACME},
        )


async def test_an_installed_provider_is_one_of_the_channel(parts: ProviderParts, tmp_path: Path) -> None:
    settings = WorkerSettings.load(sms_providers="mailbox://,acme://host?name=second&weight=3", data_dir=tmp_path)
    kit = CHANNELS[Channel.SMS].build_kit(settings, parts)
    assert [provider.name for provider in kit.providers] == ["mailbox", "sandbox"]
    assert [(one.scheme, one.name, one.weight) for one in kit.configured][1] == ("acme", "second", 3)


@pytest.mark.parametrize(
    ("channel", "url", "words"),
    [
        (Channel.EMAIL, "acme://host", r"unknown provider acme:// \(known: mailbox://, mailgun://"),
        (Channel.SMS, "acme://?colour=red", "acme:// needs a host"),
        (Channel.SMS, "mailbox://gateway", "mailbox:// takes no host"),
        (Channel.EMAIL, "sandbox:///path", "sandbox:// takes no host"),
        (Channel.PUSH, "sandbox://?base_url=https://a.example", "sandbox:// has an unknown parameter: base_url"),
        (Channel.EMAIL, "mailbox://?pool=8", "mailbox:// has an unknown parameter: pool"),
    ],
)
async def test_a_wrong_url_stops_the_start(
    parts: ProviderParts, tmp_path: Path, channel: Channel, url: str, words: str
) -> None:
    settings = WorkerSettings.load(**{f"{channel}_providers": url}, data_dir=tmp_path)
    with pytest.raises(SettingsError, match=f"^ANGARIUM_{channel.upper()}_PROVIDERS: {words}"):
        CHANNELS[channel].build_kit(settings, parts)


@pytest.mark.parametrize("channel", Channel)
async def test_mailbox_and_sandbox_take_what_every_provider_takes(
    parts: ProviderParts, tmp_path: Path, channel: Channel
) -> None:
    urls = ",".join(f"{scheme}://?rate=50/s&timeout=10s&weight=2&name=a" for scheme in ("mailbox", "sandbox"))
    settings = WorkerSettings.load(**{f"{channel}_providers": urls}, data_dir=tmp_path)
    configured = CHANNELS[channel].build_kit(settings, parts).configured
    assert [(one.name, one.rate, one.weight) for one in configured] == [("a", 50, 2), ("a-2", 50, 2)]


def test_the_schemes_of_all_channels_are_our_own() -> None:
    assert {"smtp", "fcm", "twilio", "http", "mailbox", "sandbox"} <= OWN_SCHEMES
    assert "acme" not in OWN_SCHEMES
