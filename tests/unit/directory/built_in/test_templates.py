"""The built-in templates."""

import json

import pytest

from angarium.contracts.statuses import Channel
from angarium.directory.built_in.templates import PROVIDER_TEST, WithBuiltIn
from angarium.rendering.renderer import Renderer
from tests.unit.services.gateway.directory import MemoryTemplates


@pytest.mark.parametrize("channel", Channel)
async def test_the_test_of_a_provider_names_it_on_every_channel(channel: Channel) -> None:
    template = await WithBuiltIn(MemoryTemplates()).published("default", PROVIDER_TEST)
    assert template is not None
    assert template.serves(channel)
    content = Renderer().render(template, channel, None, {"provider": "second"})
    assert "sent through the provider second" in json.dumps([getattr(content, name, "") for name in ("text", "body")])
