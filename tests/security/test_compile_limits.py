"""Hostile drafts are refused in bounded time and memory, and the process that takes them serves others meanwhile."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.templates import TemplateVersionCreate
from angarium.platform.clock import SystemClock
from angarium.rendering.fragments import Fragment, Fragments
from angarium.rendering.problems import TemplateInvalid
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.templates.drafting.compiling import Compilers, GetFragments

SECONDS = 12.0
"""Generous for a machine shared with other tests; a draft has two seconds of CPU."""
LOOP_HELD = 0.5
MEGABYTES = 40


def mjml(body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def column(content: str) -> str:
    return f"<mj-section><mj-column>{content}</mj-column></mj-section>"


def carousel(images: int) -> str:
    return column("<mj-carousel>" + '<mj-carousel-image src="a"/>' * images + "</mj-carousel>")


def fragments(**sources: str) -> Fragments:
    return {code: Fragment(1, "en", {"mjml": source, "content": source}, {}) for code, source in sources.items()}


TALL = "<p style='margin-top:9999em'>x</p>"
LANGUAGES = [f"q{a}{b}" for a in "abcdefgh" for b in "abcdefghijklmnopqrstuvwxy"]
PLAIN: Fragments = {}
MJML: Mapping[str, tuple[dict[str, Any], Fragments, str]] = {
    "carousel": ({"mjml": mjml(carousel(6_000))}, PLAIN, "mjml"),
    "carousels": ({"mjml": mjml(carousel(40) * 40)}, PLAIN, "mjml"),
    "carousels of partials": (
        {"mjml": mjml(column("<mj-carousel>" + "{% render '_c' %}" * 6 + "</mj-carousel>"))},
        fragments(_c='<mj-carousel-image src="a"/>' * 500),
        "mjml",
    ),
    "heroes": ({"mjml": mjml("<mj-hero></mj-hero>" * 9_000)}, PLAIN, "mjml"),
    "texts": ({"mjml": mjml(column("<mj-text>x</mj-text>" * 9_000))}, PLAIN, "mjml"),
    "accordion": (
        {"mjml": mjml(column("<mj-accordion>" + "<mj-accordion-element/>" * 3_000 + "</mj-accordion>"))},
        PLAIN,
        "mjml",
    ),
    "social": (
        {"mjml": mjml(column("<mj-social>" + "<mj-social-element/>" * 3_000 + "</mj-social>"))},
        PLAIN,
        "mjml",
    ),
    "navbar": ({"mjml": mjml(column("<mj-navbar>" + "<mj-navbar-link/>" * 3_000 + "</mj-navbar>"))}, PLAIN, "mjml"),
    "attributes": (
        {"mjml": mjml(column("<mj-text " + " ".join(f'a{i}="x"' for i in range(19_000)) + ">x</mj-text>"))},
        PLAIN,
        "mjml",
    ),
    "attributes for all": (
        {"mjml": mjml(column("x"), "<mj-attributes><mj-all " + "a='x' " * 9_000 + "/></mj-attributes>")},
        PLAIN,
        "mjml",
    ),
    "translations of a partial": (
        {
            "subject": "s",
            "mjml": mjml("{% render '_h' %}"),
            "translations": {language: {"subject": language} for language in LANGUAGES},
        },
        fragments(_h="<mj-hero></mj-hero>" * 1_900),
        "",
    ),
    "slow texts in each language": (
        {
            "channel": "sms",
            "text": "x",
            "translations": {
                language: {"text": "{% for i in (1..9999) %}{{ 'a' | append: i | size }}{% endfor %}" + language}
                for language in LANGUAGES
            },
        },
        PLAIN,
        "",
    ),
    "text beyond memory": ({"html": TALL * 5_000}, PLAIN, ""),
    "text beyond memory in layers": ({"html": "<div style='padding-left:9999em'>x" * 190 + "</div>" * 190}, PLAIN, ""),
}


@pytest.fixture
async def compilers() -> AsyncIterator[Compilers]:
    compilers = Compilers(SystemClock())
    yield compilers
    await compilers.close()


@pytest.fixture
async def plain_texts() -> AsyncIterator[PlainTexts]:
    texts = PlainTexts(SystemClock())
    yield texts
    await texts.close()


def given(pieces: Fragments) -> GetFragments:
    """Looks up what is there already."""

    async def get() -> Fragments:
        return pieces

    return get


async def longest_pause(stop: asyncio.Event) -> float:
    """The longest time that the event loop did not come round."""
    longest = 0.0
    while not stop.is_set():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    return longest


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("name", MJML)
async def test_a_hostile_draft_is_refused_and_holds_up_nothing(compilers: Compilers, name: str) -> None:
    body, pieces, field = MJML[name]
    before, started = peak_megabytes(), time.monotonic()
    stop = asyncio.Event()
    pause = asyncio.create_task(longest_pause(stop))
    with pytest.raises(TemplateInvalid) as caught:
        await compilers.draft("a", "t", TemplateVersionCreate.model_validate(body), given(pieces))
    stop.set()
    assert time.monotonic() - started < SECONDS
    assert await pause < LOOP_HELD
    assert peak_megabytes() - before < MEGABYTES
    problem = caught.value.problems[0]
    assert problem.field
    if field:
        assert problem.field == field
        assert problem.line == 1


@pytest.mark.parametrize("images", [1, 50])
async def test_an_honest_carousel_is_compiled(compilers: Compilers, images: int) -> None:
    body = TemplateVersionCreate.model_validate({"subject": "s", "mjml": mjml(carousel(images))})
    draft = await compilers.draft("a", "t", body, given({}))
    assert draft.compiled.locales["en"].email is not None


async def test_a_large_honest_mail_in_forty_languages_is_compiled(compilers: Compilers) -> None:
    page = mjml(column("<mj-text>Hello {{ name }}</mj-text><mj-button href='{{ url }}'>Go</mj-button>") * 10)
    body = TemplateVersionCreate.model_validate(
        {"subject": "s", "mjml": page, "translations": {name: {"mjml": page + " "} for name in LANGUAGES[:40]}}
    )
    draft = await compilers.draft("a", "t", body, given({}))
    assert len(draft.compiled.locales) == 41


async def test_hostile_drafts_of_one_tenant_do_not_starve_another(compilers: Compilers) -> None:
    hostile, _, _ = MJML["slow texts in each language"]
    attack = [
        asyncio.create_task(compilers.draft("a", "t", TemplateVersionCreate.model_validate(hostile), given({})))
        for _ in range(8)
    ]
    await asyncio.sleep(0)
    for _ in range(3):
        async with asyncio.timeout(SECONDS):
            await compilers.draft("b", "t", TemplateVersionCreate(subject="s", content="<p>x</p>"), given({}))
    for task in attack:
        task.cancel()
    await asyncio.gather(*attack, return_exceptions=True)


@pytest.mark.parametrize("html", [TALL * 400, TALL * 5_000, "<div style='padding-left:9999em'>x" * 450])
async def test_html_that_makes_endless_text_is_refused(plain_texts: PlainTexts, html: str) -> None:
    before, started = peak_megabytes(), time.monotonic()
    with pytest.raises(ValidationFailed) as caught:
        await plain_texts.of("a", "html_content", html)
    assert caught.value.details[0].field == "html_content"
    assert time.monotonic() - started < SECONDS
    assert peak_megabytes() - before < MEGABYTES


async def test_ordinary_html_becomes_text(plain_texts: PlainTexts) -> None:
    assert await plain_texts.of("a", "message", "<p>Hello <b>Ada</b></p>") == "Hello Ada"
