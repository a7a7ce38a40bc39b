"""The languages of the preference page say the same."""

from dataclasses import fields
from string import Formatter

import pytest

from angarium.contracts.statuses import Channel
from angarium.services.users.page.texts import LANGUAGES, Texts, texts_for

ENGLISH = LANGUAGES["en"]


def values_of(text: str) -> set[str]:
    """The values that a text takes."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES)
def test_every_language_has_every_text_with_its_values(texts: Texts) -> None:
    for field in fields(Texts):
        said, english = getattr(texts, field.name), getattr(ENGLISH, field.name)
        if isinstance(said, str):
            assert said.strip() == said != ""
            assert values_of(said) == values_of(english), field.name
        else:
            assert said.keys() == english.keys(), field.name
    assert set(texts.channels) == set(texts.by_channel) == {channel.value for channel in Channel}


@pytest.mark.parametrize(
    ("category", "title"),
    [
        ("marketing", "Angebote und Werbung"),
        ("MARKETING", "Angebote und Werbung"),
        ("order_updates", "Order updates"),
        ("team.Weekly-digest", "Team Weekly digest"),
        ("_", "_"),
    ],
)
def test_an_unknown_category_is_shown_as_words(category: str, title: str) -> None:
    assert LANGUAGES["de"].title(category) == title


def test_a_hostile_header_costs_little_and_falls_back() -> None:
    assert texts_for(None, ",".join(["xx;q=0.9"] * 10_000) + ",de").language == "en"
    assert texts_for("", ";;;,=,q=1;q=nan").language == "en"
