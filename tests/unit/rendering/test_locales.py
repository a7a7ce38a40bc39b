"""The nearest language: RFC 4647 lookup, compared with a definition that checks every available language."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angarium.rendering.locales import language_of, locale_chain, nearest_locale

TAGS = st.lists(st.sampled_from(["en", "pt", "hant", "br", "419"]), min_size=1, max_size=3).map("-".join)


def _underlined(tag: str) -> str:
    return tag.replace("-", "_")


SPELLINGS: st.SearchStrategy[Callable[[str], str]] = st.sampled_from([str.lower, str.upper, str.title, _underlined])


def _fits(known: str, wanted: str) -> bool:
    return f"{wanted}-".startswith(f"{known}-")


@settings(max_examples=100, deadline=None)
@given(known=st.sets(TAGS, max_size=6), wanted=TAGS, default=TAGS, spell=SPELLINGS)
def test_the_longest_language_that_fits_else_the_default(
    known: set[str], wanted: str, default: str, spell: Callable[[str], str]
) -> None:
    fitting = sorted((tag for tag in known if _fits(tag, wanted)), key=len, reverse=True)
    if not fitting and any(language_of(tag) == language_of(wanted) for tag in known):
        return  # a related one, as in the examples below
    assert locale_chain(known, wanted, default) == [*fitting, *([default] if default not in fitting else [])]
    assert nearest_locale(known, spell(wanted), default) == (fitting or [default])[0]


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("pt-BR", "pt"), ("pt_BR", "pt"), ("fr-CA-x-y", "fr-CA"), ("p", "en"), ("ptx", "en"), ("", "en"), (None, "en")],
)
def test_examples(wanted: str | None, nearest: str) -> None:
    assert nearest_locale(["pt", "fr-CA", "fr", "en"], wanted, "en") == nearest


@pytest.mark.parametrize(
    ("known", "wanted", "chain"),
    [
        (["zh", "zh-Hant"], "zh-TW", ["zh-Hant", "zh", "en"]),
        (["zh-Hans"], "zh-TW", ["en"]),
        (["zh-Hans", "zh-Hant"], "zh-HK", ["zh-Hant", "en"]),
        (["zh-Hant", "zh-Hans"], "zh-CN", ["zh-Hans", "en"]),
        (["zh-Hant", "zh-Hans"], "zh-SG", ["zh-Hans", "en"]),
        (["zh-Hant", "zh-Hans"], "zh", ["zh-Hans", "en"]),
        (["sr-Latn", "sr-Cyrl"], "sr-RS", ["sr-Cyrl", "en"]),
        (["sr-Latn", "sr-Cyrl"], "sr-ME", ["sr-Latn", "en"]),
        (["no"], "nb-NO", ["no", "en"]),
        (["nb"], "no", ["nb", "en"]),
        (["sr-Latn"], "sr", ["sr-Latn", "en"]),
        (["es", "es-419"], "es-MX", ["es-419", "es", "en"]),
        (["pt-BR"], "pt-PT", ["pt-BR", "en"]),
        (["de-CH"], "de_AT", ["de-CH", "en"]),
        (["fr"], "de", ["en"]),
    ],
)
def test_what_cldr_knows_of_languages(known: list[str], wanted: str, chain: list[str]) -> None:
    assert locale_chain([*known, "en"], wanted, "en") == chain
