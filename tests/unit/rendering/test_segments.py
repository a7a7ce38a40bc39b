"""The fast path gives what the full engine gives."""

import time
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid import BoundTemplate

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer
from angarium.rendering.segments import Segments, split

HTML = SafeEnvironment(Limits(), time.thread_time, html=True)
PLAIN = SafeEnvironment(Limits(), time.thread_time, html=False)
SMALL = SafeEnvironment(Limits(output_bytes=100), time.thread_time, html=True)

names = st.sampled_from(["a", "b", "name", "order", "id", "partial", "now", "x_1"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["<b>&\"'</b>", "{{ a }}", "{% if %}", "&amp;", "  ", ""])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
paths = st.lists(names, min_size=1, max_size=3).map(".".join)
calls = st.sampled_from(
    [
        "",
        " | escape",
        " | upcase",
        " | downcase | capitalize",
        " | default: '<i>none</i>'",
        ' | strip | default: "it\'s"',
    ]
)
outputs = st.builds("{{{{{}{}{} }}}}".format, st.sampled_from(["", "- ", " "]), paths, calls)
literals = st.text(st.characters(exclude_characters="{}%", exclude_categories=["Cs"]), max_size=10)
sources = st.lists(literals | outputs, max_size=6).map("".join)


def both(environment: SafeEnvironment, source: str, variables: dict[str, Any]) -> tuple[str | None, str | None]:
    parsed = environment.compiled(source, "html")
    fast = split(parsed)
    assert fast is not None
    return _tried(lambda: fast.render(variables, "html")), _tried(lambda: render(parsed, variables, "html"))


def _tried(work: Any) -> str | None:
    try:
        return str(work())
    except RenderFailed:
        return None


def test_without_fast_paths_every_part_goes_through_the_full_engine() -> None:
    made = {fast: Renderer(fast_paths=fast) for fast in (True, False)}
    template = CompiledTemplate(
        template_id=uuid4(),
        tenant="",
        code="welcome",
        version=1,
        language="en",
        required_variables=[],
        defaults={},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        locales={"en": ChannelSources(email={"subject": "Hi {{ name }}", "text": "x"})},
    )
    shown = [renderer.quick(template, Channel.EMAIL, None, {"name": "Ada"}) for renderer in made.values()]
    assert shown[0] == shown[1]
    for fast, renderer in made.items():
        [parsed] = renderer._parsed.values()
        assert all(isinstance(part, Segments if fast else BoundTemplate) for part in parsed.values())


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(sources, st.dictionaries(names, values, max_size=5), st.sampled_from([HTML, PLAIN, SMALL]))
def test_both_paths_give_the_same(source: str, variables: dict[str, Any], environment: SafeEnvironment) -> None:
    fast, full = both(environment, source, variables)
    assert fast == full


def test_html_is_escaped() -> None:
    assert both(HTML, "<p>{{ a }}</p>", {"a": "<script>'\""}) == ("<p>&lt;script&gt;&#39;&#34;</p>",) * 2


def test_plain_text_is_not() -> None:
    assert both(PLAIN, "{{ a }}", {"a": "<b>"}) == ("<b>", "<b>")


def test_what_is_missing_is_nothing() -> None:
    assert both(HTML, "[{{ a }}{{ b.c.d }}]", {"b": {"c": 1}}) == ("[]", "[]")


def test_output_beyond_the_limit_is_refused() -> None:
    assert both(SMALL, "{{ a }}" * 3, {"a": "é" * 20}) == (None, None)
    assert both(SMALL, "{{ a }}", {"a": "é" * 20}) == ("é" * 20,) * 2


@pytest.mark.parametrize(
    "source",
    [
        "{% if a %}b{% endif %}",
        "{{ a.size }}",
        "{{ a.first }}",
        "{{ a[0] }}",
        "{{ a[b] }}",
        "{{ a | date: '%Y' }}",
        "{{ a | default: b }}",
        "{{ a | default: '', allow_false: true }}",
        "{{ 'text' }}",
    ],
)
def test_everything_else_takes_the_full_engine(source: str) -> None:
    parsed = HTML.compiled(source, "html")
    assert isinstance(parsed, BoundTemplate)
    assert split(parsed) is None
