"""The plain text of a mail: what its reader sees is what the HTML says."""

import time
from typing import Any

import pytest

from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.plain_text import make_text

X = "https://x.example"


def text_of(html: str, **variables: Any) -> str:
    source = make_text(html, "content", Limits())
    environment = SafeEnvironment(Limits(), time.thread_time, html=False)
    return render(environment.compiled(source, "content"), variables, "text").strip("\n")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f"<a href='{X}/c?a=1&amp;timestamp=2'>x</a>", f"[x]({X}/c?a=1&timestamp=2)"),
        (f"<a href='{X}/c?a=1&timestamp=2&copy=3'>x</a>", f"[x]({X}/c?a=1&timestamp=2&copy=3)"),
        (f"<a href='{X}/?a&amp;amp;b'>x</a>", f"[x]({X}/?a&amp;b)"),
        ("1 &amp;lt; 2 &eacute; &lt;b&gt; AT&amp;T", "1 &lt; 2 é <b> AT&T"),
        ("<pre>a &amp;amp; b</pre>", "a &amp; b"),
        ("<p>&amp;nbsp;</p><p>x</p>", "&nbsp;\n\nx"),
    ],
)
def test_an_entity_is_decoded_once(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (f'<a href="{X}"><img src=b.png alt="Shop now"></a>', f"[Shop now]({X})"),
        (f'<a href="{X}"><img src=b.png></a> more', f"{X} more"),
        (f'<a href="{X}"></a>', X),
        ('<img src=b.png alt="A &amp; B">', "A & B"),
        ('<img src=b.png alt="">x', "x"),
        ('<img src=b.png alt="{{ who }}">', "Ada"),
        (f'<a name="top"></a><a href="{X}">y</a>', f"[y]({X})"),
    ],
)
def test_an_image_is_its_alternative_text(html: str, text: str) -> None:
    assert text_of(html, who="Ada") == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ol start=x><li>a</ol>", "1. a"),
        ("<ol>{% for s in steps %}<li>{{ s }}</li>{% endfor %}</ol>", "1. one\n2. two\n3. three"),
        ("<ol start=3>{% for s in steps %}<li>{{ s }}</li>{% endfor %}</ol>", "3. one\n4. two\n5. three"),
        ("<ol>{% if no %}<li>a</li>{% endif %}<li>two</li></ol>", "1. two"),
        ("<ol>{% for s in steps %}<li>{{ s }}</li>{% endfor %}</ol><ol>{% if steps %}<li>x</li>{% endif %}</ol>",
         "1. one\n2. two\n3. three\n1. x"),
        ("{% assign list_number_0 = 9 %}<ol>{% if steps %}<li>x</li>{% endif %}</ol>{{ list_number_0 }}", "1. x\n9"),
        ("<ol><li>a<ol><li>b</li></ol></li><li>c</li></ol>", "1. a\n1. b\n2. c"),
    ],
)  # fmt: skip
def test_the_items_that_are_shown_are_numbered(html: str, text: str) -> None:
    assert text_of(html, steps=["one", "two", "three"]) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("{{ lines | join: '<br>' }}", "x\ny"),
        ("{{ a | append: '<br/>' }}b", "a\nb"),
        ("{{ no | default: '<i>none</i>' }}", "none"),
        ("{% assign b = more | newline_to_br %}{{ b }}", "1\n2"),
        ("{% assign b = a | append: '<b>!</b>' | safe %}{{ b }}", "a!"),
        ("{% if tag == '<br>' %}same{% endif %}", "same"),
    ],
)
def test_html_in_a_literal_is_text(html: str, text: str) -> None:
    assert text_of(html, lines=["x", "y"], a="a", more="1\n2", tag="<br>") == text


def test_tags_leave_no_blank_lines() -> None:
    html = "{% assign a = 1 %}<p>Hello</p>{% for i in items %}<p>{{ i }}</p>{% endfor %}<p>end</p>"
    assert text_of(html, items=[1, 2]) == "Hello\n\n1\n\n2\n\nend"


@pytest.mark.parametrize("html", ["", " ", "<!-- x -->", "<p></p>"])
def test_nothing_is_made_of_nothing(html: str) -> None:
    assert make_text(html, "content", Limits()).strip() == ""


@pytest.mark.parametrize("odd", ["\uffff", "\ufffe", "\x01", "&#xffff;", "&#1;", "\x0b"])
@pytest.mark.parametrize(
    "html",
    [
        "<p>a{}b</p>",
        '<a href="https://example.com/{}"></a>',
        '<img alt="a{}b">',
        "<ol><li>a{}b</li></ol>",
        "<ol>{}{{% if x %}}<li>a</li>{{% endif %}}</ol>",
        "{}",
    ],
)
def test_characters_that_xml_does_not_have_break_nothing(html: str, odd: str) -> None:
    make_text(html.format(odd), "content", Limits())


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>&#123;&#123; y }} and &#123;% if %}</p>", "{{ y }} and {% if %}"),
        ("<p>&lbrace;&lbrace; y }} {a} &#123;{{ n }}</p>", "{{ y }} {a} {5"),
        (f"<a href='{X}/&#123;&#123;id}}}}'>x</a>", f"[x]({X}/{{{{id}}}})"),
    ],
)
def test_braces_written_as_entities_are_not_liquid(html: str, text: str) -> None:
    assert text_of(html, y="no", n=5) == text


@pytest.mark.parametrize(
    "element", ["center", "dt", "dd", "section", "summary", "option", "button", "caption", "legend"]
)
def test_a_block_has_lines_of_its_own(element: str) -> None:
    assert text_of(f"a<{element}>b</{element}><{element}>c</{element}>d") == "a\nb\nc\nd"


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>x<b>y</b></div>",
        "<div style='color: red; Display : None !important'>x</div>",
        "<span style='visibility:hidden'>x</span>",
        "<p hidden>x</p>",
        "<div hidden>{% if a %}x{% endif %}{{ n }}<img alt=x></div>",
        "<template><p>x</p></template>",
    ],
)
def test_hidden_elements_are_left_out(hidden: str) -> None:
    assert text_of(f"<p>v</p>{hidden}", a=True, n="x") == "v"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol reversed><li>a</li><li>b</li></ol>", "2. a\n1. b"),
        ("<ol reversed start=9><li>a</li><li>b</li></ol>", "9. a\n8. b"),
        ("<ol><li>a</li><li value=7>b</li><li>c</li></ol>", "1. a\n7. b\n8. c"),
        ("<ol><li value='x'>a</li></ol>", "1. a"),
    ],
)
def test_the_numbers_are_those_that_html_gives(html: str, text: str) -> None:
    assert text_of(html) == text
