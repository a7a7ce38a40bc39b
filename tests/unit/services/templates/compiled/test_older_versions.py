"""Versions compiled when `content` served every channel: no HTML reaches a phone, and mails stay as they were."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.platform.database.engine import open_engine
from angarium.services.templates.app import MIGRATIONS
from angarium.services.templates.compiled.store import CompiledStore
from angarium.services.templates.drafting.model import Draft, Source, Sources
from angarium.services.templates.library.store import TemplateStore, new_template
from tests.support.migrated import upgraded

MAIL = {"subject": "S", "html": "<p>{{ name }}</p>", "text": "{{ name }}"}


async def read(folder: Path, own: Channel, locales: dict[str, dict[str, Any]], **source: Any) -> CompiledTemplate:
    """What other services get of a version whose stored document holds `locales`."""
    engine = open_engine(f"sqlite:///{folder / 'templates.db'}")
    await upgraded(engine, MIGRATIONS)
    given = {"parts": {}, "translations": {}, "required_variables": [], **source}
    whole = Source(
        name="t",
        description="",
        channel=own,
        language="en",
        defaults={},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        **given,
    )
    compiled = Sources(locales={locale: ChannelSources(**sources) for locale, sources in locales.items()})
    store = TemplateStore(engine)
    template = new_template(UUID(int=1), "default", "t", datetime(2026, 1, 1, tzinfo=UTC))
    await store.create(template, Draft(source=whole, compiled=compiled), "tests")
    found = await CompiledStore(engine).get("default", "t", 1)
    await engine.dispose()
    return found


async def test_the_html_of_a_mail_serves_the_mail_alone(tmp_path: Path) -> None:
    leaked = {"email": MAIL, "push": {"body": MAIL["html"], "title": "T"}, "sms": {"text": MAIL["html"]}}
    parts = {"subject": "S", "content": MAIL["html"], "title": "T"}
    found = await read(tmp_path, Channel.EMAIL, {"en": leaked}, parts=parts, required_variables=["name"])
    assert found.locales["en"] == ChannelSources(email=MAIL)
    assert found.channel_variables == {"email": ["name"]}


async def test_a_translated_mail_leaves_the_phones_the_default_language(tmp_path: Path) -> None:
    english = {"email": MAIL, "push": {"body": "B", "title": "T"}, "sms": {"text": "Hi {{ code }}"}}
    french = {"email": {**MAIL, "html": "<p>F</p>"}, "push": {"body": "<p>F</p>"}, "sms": {"text": "<p>F</p>"}}
    found = await read(
        tmp_path,
        Channel.EMAIL,
        {"en": english, "fr": french},
        parts={"content": MAIL["html"], "text": "Hi {{ code }}", "title": "T", "body": "B"},
        translations={"fr": {"content": "<p>F</p>"}},
        required_variables=["name", "code"],
    )
    phones = {"push": english["push"], "sms": english["sms"]}
    assert found.locales["fr"] == ChannelSources(email=french["email"], **phones)
    assert found.channel_variables == {"email": ["name"], "push": [], "sms": ["code"]}


@pytest.mark.parametrize(("content", "served"), [("{{ code }} is it", True), ("<p>{{ code }}</p>", False)])
async def test_plain_content_beside_a_mail_of_its_own_stays_the_sms(tmp_path: Path, content: str, served: bool) -> None:
    sources = {"email": MAIL, "push": {"body": content}, "sms": {"text": content}}
    parts = {"mjml": "<mjml></mjml>", "content": content}
    found = await read(tmp_path, Channel.EMAIL, {"en": sources}, parts=parts)
    assert (found.serves(Channel.SMS), found.serves(Channel.PUSH), found.serves(Channel.EMAIL)) == (
        served,
        served,
        True,
    )


async def test_the_content_of_an_sms_is_no_mail(tmp_path: Path) -> None:
    sources = {"email": {"subject": "t", "html": "C", "text": "C"}, "push": {"body": "C"}, "sms": {"text": "C"}}
    found = await read(tmp_path, Channel.SMS, {"en": sources}, parts={"content": "C"})
    assert found.locales["en"] == ChannelSources(sms={"text": "C"})


async def test_the_text_of_a_push_template_stays_its_mail(tmp_path: Path) -> None:
    sources = {"email": {"subject": "t", "html": "P", "text": "x"}, "push": {"body": "P"}, "sms": {"text": "x"}}
    found = await read(tmp_path, Channel.PUSH, {"en": sources}, parts={"content": "P", "text": "x"})
    assert found.locales["en"] == ChannelSources(
        email={"subject": "t", "text": "x"}, push={"body": "P"}, sms={"text": "x"}
    )
