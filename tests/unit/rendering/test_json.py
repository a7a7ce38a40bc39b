"""The `json` part of a webhook, and the filter of that name."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate, TemplateParts
from angarium.rendering.compile import Compiled, Compiler
from angarium.rendering.content import Content, WebhookContent
from angarium.rendering.fragments import Fragment, Fragments
from angarium.rendering.json_text import json_fault
from angarium.rendering.problems import RenderFailed, TemplateInvalid
from angarium.rendering.renderer import Renderer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def compiled(
    own: Channel = Channel.WEBHOOK,
    /,
    *,
    code: str = "hook",
    fragments: Fragments | None = None,
    translations: dict[str, TemplateParts] | None = None,
    **parts: str,
) -> Compiled:
    given_parts = TemplateParts.model_validate(parts)
    return Compiler().compile(
        "Hook", "en", given_parts, translations or {}, channel=own, code=code, fragments=fragments
    )


def rendered(variables: dict[str, Any], own: Channel = Channel.WEBHOOK, /, **parts: str) -> Content:
    given: dict[str, Any] = {**parts}
    made = compiled(own, **given)
    template = CompiledTemplate(
        template_id=UUID(int=1), tenant="default", code="hook", version=1, language="en",
        required_variables=list(made.required_variables), defaults={}, category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE, retry_delays=None, locales=dict(made.locales),
    )  # fmt: skip
    return Renderer().render(template, Channel.WEBHOOK, None, variables)


def faults(**parts: str) -> list[tuple[str, int | None, int | None]]:
    given: dict[str, Any] = {**parts}
    with pytest.raises(TemplateInvalid) as caught:
        compiled(**given)
    assert all("JSON" in problem.message for problem in caught.value.problems), caught.value
    return [(problem.field, problem.line, problem.column) for problem in caught.value.problems]


@given(JSON)
def test_the_filter_writes_every_value_as_json(value: Any) -> None:
    content = rendered({"value": value}, json='{"a": {{ value | json }}, "b": [{{ missing | json }}]}')
    assert isinstance(content, WebhookContent)
    assert content.json is not None
    try:
        content.json.encode()
    except UnicodeEncodeError:
        pytest.skip("a lone surrogate is no text")
    assert json.loads(content.json) == {"a": value, "b": [None]}


def test_nothing_is_escaped_as_html() -> None:
    assert rendered({"n": "<b> & 'é'"}, json='{"n": "{{ n }}"}') == WebhookContent(json='{"n": "<b> & \'é\'"}')
    assert rendered({"n": "<b>"}, title="{{ n }}\r\nx", text="{{ n }}") == WebhookContent(title="<b> x", text="<b>")


def test_in_html_the_filters_quotes_are_escaped() -> None:
    made = compiled(Channel.EMAIL, subject="S", content='<a data-x="{{ x | json }}">x</a>')
    assert "{{ x | json }}" in str(made.locales["en"].email)


@pytest.mark.parametrize(
    "source",
    [
        '{"name": "{{ name }}", "count": {{ count }}, "on": {{ on }}}',
        '{"name": {{ name | json }}, "deep": "{{ a.b.c }}", "first": {{ list[0].x }}, "size": {{ list.size }}}',
        "[{% for item in items %}{{ item.sku | json }}{% unless forloop.last %},{% endunless %}{% endfor %}]",
        '{"x": {% if vip %}true{% else %}false{% endif %}, "up": "{{ name | upcase }}", "n": {{ n | plus: 2 }}}',
        "{% assign x = name | append: '!' %}{{ x | json }}",
        '{"at": "{{ at | date: "%Y" }}", "all": "{{ words | join: ", " }}", "d": {{ m | default: 3 }}}',
        '{"k": {% if kind == "a" %}1{% elsif kind == "b" %}2{% endif %}}',
        '{"k": {% case kind %}{% when "a" %}1{% when "b" %}2{% endcase %}}',
        '{"k": {% if kind != "a" %}1{% endif %}}',
        '{"k": {% if count > 100 %}1{% endif %}}',
        '{"k": {% unless off %}1{% endunless %}}',
        '{"k": {% if list contains "a" %}1{% endif %}}',
        '{"k": {% if name.first == "Ada" and n < 3 %}1{% endif %}}',
        '{"a": {% if x %}1{% endif %}, "b": {% unless y %}2{% endunless %}, "c": {% if z == "a" %}3{% endif %}}',
        '{"a": {% if x == "a" %}1{% endif %}, "b": {% if y < 0 %}2{% else %}{% unless x %}{% endunless %}3{% endif %}}',
        "null",
        "  [1,\n 2]\n",
    ],
)
def test_what_can_be_json_is_taken(source: str) -> None:
    assert compiled(json=source).locales["en"].webhook == {"json": source}


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ('{"a": 1', 1, 8),
        ("", 1, 1),
        ("hello", 1, 1),
        ("{'a': 1}", 1, 2),
        ('{\n  "name": {{ name | json }},\n  "b": }', 3, 8),
        ('{"a": {{ a }} "b": 1}', 1, 15),
        ('{"a": NaN}', 1, 7),
        ('{"a": 1,}', 1, 9),
        ('{{ a }} {"b": 1}', 1, 9),
        ('{"a": "\t"}', 1, 8),
        ("[{% for i in items %}{{ i }},{% endfor %}]", 1, 42),
        ('{"a": {% if x %}oops{% endif %}}', 1, 10),
    ],
)
def test_what_can_never_be_json_is_refused_at_its_place(source: str, line: int, column: int) -> None:
    assert faults(json=source) == [("json", line, column)]


def test_every_language_is_judged() -> None:
    french = TemplateParts.model_validate({"json": "{"})
    with pytest.raises(TemplateInvalid) as caught:
        compiled(json="{}", translations={"fr": french})
    assert [problem.field for problem in caught.value.problems] == ["translations.fr.json"]


def test_content_is_the_json_of_a_webhook() -> None:
    assert compiled(content='{"a": {{ a }}}').locales["en"] == ChannelSources(webhook={"json": '{"a": {{ a }}}'})
    assert faults(content="plain text") == [("content", 1, 1)]


def test_text_and_title_serve_where_there_is_no_json() -> None:
    assert compiled(title="T", text="t").locales["en"].webhook == {"title": "T", "text": "t"}
    assert compiled(text="t").locales["en"].webhook == {"text": "t"}
    made = compiled(json="{}", text="t", title="T").locales["en"]
    assert (made.webhook, made.sms) == ({"json": "{}"}, {"text": "t"})


def test_a_mails_content_never_becomes_a_webhook() -> None:
    assert compiled(Channel.EMAIL, subject="S", content="<p>x</p>").locales["en"].webhook is None
    assert compiled(Channel.EMAIL, subject="S", content="<p>x</p>", text="x").locales["en"].webhook == {"text": "x"}
    assert compiled(Channel.PUSH, title="T", body="B").locales["en"].webhook is None


def test_a_webhook_without_a_part_for_one_is_refused() -> None:
    with pytest.raises(TemplateInvalid, match="a template for webhook needs"):
        compiled(title="T")


def test_a_piece_of_json_is_judged_where_it_is_used() -> None:
    piece = '"a": {{ a | json }}'
    made = compiled(code="_piece", json=piece)
    assert made.locales["en"].webhook == {"json": piece}
    fragments = {"_piece": Fragment(1, "en", {"json": piece}, {})}
    assert compiled(json="{ {% render '_piece' %} }", fragments=fragments).locales["en"].webhook == {
        "json": '{ "a": {{ a | json }} }'
    }
    with pytest.raises(TemplateInvalid, match="with its layout and partials: not JSON"):
        compiled(json="{% render '_piece' %}", fragments=fragments)


@pytest.mark.parametrize("value", ['a"b', "a\\", "a\nb", '", "admin": "', "\ud800"])
def test_a_rendering_that_is_no_json_fails(value: str) -> None:
    if value == '", "admin": "':  # well-formed all the same: the filter is what keeps a value in its place
        assert rendered({"n": value}, json='{"n": {{ n | json }}}') == WebhookContent(
            json='{"n": "\\", \\"admin\\": \\""}'
        )
        return
    with pytest.raises(RenderFailed, match=r"^json: not JSON: "):
        rendered({"n": value}, json='{"n": "{{ n }}"}')


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", False), ("1" * 10_000, False), ("1e999", False), ('"\\ud800"', False), ("[" * 200_000, True),
        ("Infinity", True), ("-Infinity", True), ("", True), ("{} {}", True), ("01", True),
    ],
)  # fmt: skip
def test_what_is_json(text: str, fault: bool) -> None:
    assert (json_fault(text) is not None) is fault
