"""Layouts, blocks and partials become one source when a version is saved."""

import time
from collections.abc import Mapping

import pytest

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import TemplateParts
from angarium.rendering.compile import Compiled, Compiler
from angarium.rendering.fragments import Fragment, references
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.problems import TemplateInvalid

COMPILER = Compiler()
PLAIN = SafeEnvironment(Limits(), time.thread_time, html=False)

SECTION = "<mj-section><mj-column><mj-text>{{ a }}</mj-text></mj-column></mj-section>"


def fragment(content: str, translations: Mapping[str, Mapping[str, str]] | None = None, **parts: str) -> Fragment:
    return Fragment(3, "en", {"content": content, **parts}, translations or {})


FRAGMENTS = {
    "_base": fragment("<{% block content %}D{% endblock %}|{% block foot %}F{% endblock %}>"),
    "_two": fragment("{% layout '_base' %}{% block foot %}two {{ block.super }}{% endblock %}"),
    "_item": fragment("[{{ label }}:{{ name }}]", {"fr": {"content": "(fr {{ label }})"}}),
    "_assigns": fragment("{% assign label = 'inner' %}{{ label }}"),
    "_plain": fragment("{{ name }}!"),
    "_circle": fragment("{% render '_circle_2' %}"),
    "_circle_2": fragment("x{% render '_circle' %}"),
    "_html": Fragment(1, "en", {"html": "<b>h</b>"}, {}),
    "_section": Fragment(1, "en", {"mjml": SECTION}, {}),
    "_looping": fragment("{% for row in rows %}{% block row %}{% endblock %}{% endfor %}"),
}


def compiled(content: str, code: str = "own", **translations: TemplateParts) -> Compiled:
    parts = TemplateParts(content=content)
    return COMPILER.compile("n", "en", parts, translations, channel=Channel.PUSH, code=code, fragments=FRAGMENTS)


def flat(content: str) -> str:
    push = compiled(content).locales["en"].push
    assert push is not None
    return push["body"]


def shown(content: str, **variables: object) -> str:
    return render(PLAIN.compiled(flat(content), "body"), variables, "body")


def fault(content: str) -> tuple[str, int | None, int | None]:
    with pytest.raises(TemplateInvalid) as caught:
        compiled(content)
    problem = caught.value.problems[0]
    assert problem.field == "content"
    return problem.message, problem.line, problem.column


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% layout '_base' %}\n<p>{{ name }}</p>", "<\n<p>Ada</p>|F>"),
        ("{% extends '_base' %}{% block foot %}{{ name }}{% endblock %}", "<D|Ada>"),
        ("{% layout '_base' %}{% block 'foot' %}a {{ block.super }}{% endblock foot %}", "<D|a F>"),
        ("{% layout '_two' %}{% block foot %}a {{ block.super }}{% endblock %}", "<D|a two F>"),
        ("{% block a %}x{% endblock %}y", "xy"),
        ("{% render '_plain' %}", "Ada!"),
        ("a {%- render '_plain' -%} b", "aAda!b"),
        ("{% render '_item', label: 'x' %}", "[x:Ada]"),
        ("{% render '_item', label: order.id, name: 'B' %}", "[7:B]"),
        ("{% render '_item' with order.id as label %}", "[7:Ada]"),
        ("{% render '_item' for rows as label %}", "[1:Ada][2:Ada]"),
        ("{% render '_item' for rows as label, name: 'B' %}", "[1:B][2:B]"),
        ("{% comment %}{% render 'nope' %}{% endcomment %}", ""),
        ("{% raw %}{% render 'nope' %}{% endraw %}", "{% render 'nope' %}"),
    ],
)
def test_it_renders_as_liquid_would(source: str, text: str) -> None:
    assert shown(source, name="Ada", order={"id": 7}, rows=[1, 2]) == text


def test_a_partial_sees_nothing_that_was_assigned_around_it() -> None:
    assert shown("{% assign label = 'outer' %}{% render '_item' %}", name="Ada") == "[:Ada]"


def test_what_a_partial_assigns_ends_with_it() -> None:
    assert shown("{% render '_assigns' %}{{ label }}", label="outer") == "innerouter"


def test_a_partial_in_a_layouts_loop_does_not_see_the_loop() -> None:
    source = "{% layout '_looping' %}{% block row %}{% render '_plain' %}{{ row }}{% endblock %}"
    assert shown(source, rows=[1, 2], name="A", row="outer") == "A!1A!2"


def test_what_binds_nothing_is_plain_text_and_stays_quick() -> None:
    assert flat("Hi {% render '_plain' %}") == "Hi {{ name }}!"


@pytest.mark.parametrize(
    ("source", "message", "line", "column"),
    [
        ("a\n {% render 'nope' %}", "there is no template 'nope'", 2, 2),
        ("\n{% layout 'nope' %}", "there is no template 'nope'", 2, 1),
        ("{% render 'own' %}", "'own' would contain itself: own → own", 1, 1),
        ("  {% render '_circle' %}", "'_circle' would contain itself: _circle → _circle_2 → _circle", 1, 3),
        ("{% render '_html' %}", "template '_html' has no content", 1, 1),
        ("x{% layout '_base' %}", "a layout is named once, before everything else", 1, 2),
        ("{% block a %}{% block a %}{% endblock %}{% endblock %}", "there is a block 'a' already", 1, 14),
        (
            "{% layout '_base' %}{% block foot %}{% endblock %} lost",
            "beside a layout only blocks can stand: this would be lost",
            1,
            1,
        ),
        ("{% block a %}x", "unexpected end of template, expected 'endblock'", 1, 15),
        ("{% endblock %}", "unexpected tag 'endblock'", 1, 4),
        ("{% render name %}", "expected a template's code in quotes", 1, 11),
        ("{% layout name %}", "expected a template's code in quotes", 1, 11),
        ("{% scope %}{% endscope %}", "unexpected tag 'scope'", 1, 4),
        ("{% include '_plain' %}", "unexpected tag 'include'", 1, 4),
    ],
)
def test_faults_have_their_place(source: str, message: str, line: int, column: int) -> None:
    assert fault(source) == (message, line, column)


def test_doubling_partials_are_refused_quickly() -> None:
    doubling = {f"_{i}": fragment(f"{{% render '_{i + 1}' %}}" * 2) for i in range(9)}
    doubling["_9"] = fragment("x" * 10_000)
    started = time.thread_time()
    with pytest.raises(TemplateInvalid, match="too large"):
        COMPILER.compile("n", "en", TemplateParts(content="{% render '_0' %}"), {}, fragments=doubling)
    assert time.thread_time() - started < 1


def test_doubling_blocks_are_refused_quickly() -> None:
    supers = "{% block a %}" + "{{ block.super }}" * 50 + "x{% endblock %}"
    chain = {f"_{i}": fragment(f"{{% layout '_{i + 1}' %}}{supers}") for i in range(8)}
    chain["_8"] = fragment(f"{{% block a %}}{'y' * 1000}{{% endblock %}}")
    with pytest.raises(TemplateInvalid, match="too large"):
        COMPILER.compile("n", "en", TemplateParts(content="{% layout '_0' %}" + supers), {}, fragments=chain)


def test_a_version_knows_what_is_in_it() -> None:
    made = compiled("{% layout '_two' %}{% block content %}{% render '_plain' %}{% endblock %}")
    assert made.includes == {"_two": 3, "_base": 3, "_plain": 3}
    assert made.required_variables == ("name",)


def test_a_translation_takes_the_translated_partial() -> None:
    locales = compiled("{% render '_item', label: 'x' %}", fr=TemplateParts(subject="s")).locales
    assert "(fr {{ label }})" in str(locales["fr"].push)
    assert "(fr" not in str(locales["en"].push)


def test_a_piece_of_mjml_is_checked_alone_and_compiled_where_it_is_used() -> None:
    alone = COMPILER.compile("n", "en", TemplateParts(mjml=SECTION), {}, code="_section")
    assert alone.locales["en"].email == {"subject": "n"}
    whole = TemplateParts(mjml="<mjml><mj-body>{% render '_section' %}</mj-body></mjml>")
    email = COMPILER.compile("n", "en", whole, {}, code="own", fragments=FRAGMENTS).locales["en"].email
    assert email is not None
    assert "{{ a }}" in email["html"]
    assert "<mj-" not in email["html"]


def test_references_are_found() -> None:
    assert references(["{% layout 'a' %}{%- render \"b\", x: 'c' %}", "{{ 'd' }}{% render 'a' %}"]) == ("a", "b")
