"""What every channel promises, asked of each that is registered."""

from uuid import UUID

import msgspec
import pytest

from angarium.channels.port import ChannelEntry
from angarium.channels.registry import CHANNELS
from angarium.contracts.notifications import NotificationRequest, Recipient
from angarium.contracts.preferences import PreferencesPatch, PreferencesView, SwitchesBody
from angarium.contracts.statuses import ADDRESS_FIELD, Channel
from angarium.contracts.templates import ChannelSources
from angarium.contracts.users import (
    ChannelSwitches,
    Contact,
    ContactDevice,
    Preferences,
    PreferenceSwitches,
    UserCreate,
    UserPatch,
    UserView,
)
from angarium.delivery.preferences import Allowed, OptedOut, decide
from angarium.delivery.provider import Address, InvalidAddress
from angarium.delivery.providers.mailbox import caught
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.rendering.content import is_blank
from angarium.rendering.parts import MAIN_PARTS
from angarium.services.users.page.page import CHANNELS as SHOWN
from angarium.testing.providers import outbound
from tests.support.clock import ManualClock

NOBODY = Contact(
    user_id=UUID(int=1), name="Ada", email=None, phone=None, devices=(), locale=None, timezone=None,
    preferences=Preferences(),
)  # fmt: skip
EVERYWHERE = msgspec.structs.replace(
    NOBODY,
    email="ada@example.com",
    phone="+14155550123",
    webhook="https://hooks.example/ada",
    devices=(ContactDevice(device_id=UUID(int=2), platform="fcm", token="token123"),),
)


@pytest.fixture(params=Channel)
def entry(request: pytest.FixtureRequest) -> ChannelEntry:
    return CHANNELS[request.param]


def test_it_reaches_only_contacts_with_its_address(entry: ChannelEntry) -> None:
    assert entry.addresses_of(NOBODY) == []
    [address] = entry.addresses_of(EVERYWHERE)
    assert address.name == "Ada"
    assert entry.check_address(address) == address


@pytest.mark.parametrize("value", ["", " ", "\n", "ada", "\ud800", "x" * 10_000])
def test_what_cannot_be_an_address_is_refused_without_being_shown(entry: ChannelEntry, value: str) -> None:
    if entry.channel is Channel.PUSH and value == "ada":
        return  # a token is opaque
    with pytest.raises(InvalidAddress) as refused:
        entry.check_address(Address(value))
    assert not value.strip() or value not in str(refused.value)


def test_its_address_is_a_field_of_recipients_and_users(entry: ChannelEntry) -> None:
    field = ADDRESS_FIELD[entry.channel]
    for model in (Recipient, UserCreate, UserPatch, UserView):
        assert field in model.model_fields
    [address] = entry.addresses_of(EVERYWHERE)
    recipient = Recipient.model_validate({field: address.value})
    assert recipient.address(entry.channel) == address.value
    asked = {"notification_type": entry.channel, "template_code": "t", "request_id": "r"}
    request = NotificationRequest.model_validate({**asked, "recipient": {field: address.value}})
    assert request.recipient == recipient


def test_it_can_be_switched_off(entry: ChannelEntry) -> None:
    for switches in (SwitchesBody, PreferencesPatch, PreferencesView, PreferenceSwitches):
        assert entry.channel in switches.model_fields
    now = ManualClock().now()
    for off in (
        msgspec.convert({entry.channel.value: False}, Preferences),
        Preferences(categories={"news": ChannelSwitches(**{entry.channel.value: False})}),
    ):
        for channel in Channel:
            decision = decide(off, channel=channel, category="news", priority=5, now=now, timezone=None)
            assert isinstance(decision, OptedOut if channel is entry.channel else Allowed)
    assert entry.channel in SHOWN, "the preference page"


def test_templates_have_parts_for_it(entry: ChannelEntry) -> None:
    assert entry.channel in ChannelSources.model_fields
    assert "content" in MAIN_PARTS[entry.channel]


async def test_the_providers_of_all_channels_serve_it(entry: ChannelEntry) -> None:
    message = outbound(entry.channel)
    assert not is_blank(message.content)
    shown = msgspec.json.decode(caught(message, "")[0])
    assert (shown["channel"], shown["to"]) == (entry.channel, message.address.value)
    assert "Hello" in (shown["text"] or "")
    word = type(await SandboxProvider().send(message)).__name__
    assert word == "Sent"
