"""A compiled template, a channel, a language and variables in; content out."""

import time
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import CompiledTemplate, TemplateParts
from angarium.rendering.compile import Compiler
from angarium.rendering.content import EmailContent, PushContent, SmsContent
from angarium.rendering.limits import Limits
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer


def template(
    translations: dict[str, TemplateParts] | None = None,
    *,
    version: int = 1,
    defaults: dict[str, Any] | None = None,
    **parts: str,
) -> CompiledTemplate:
    channel = Channel.PUSH if "body" in parts else Channel.EMAIL
    made = Compiler().compile("Welcome", "en", TemplateParts(**parts), translations or {}, channel=channel)
    return CompiledTemplate(
        template_id=UUID(int=1),
        tenant="default",
        code="welcome",
        version=version,
        language="en",
        required_variables=list(made.required_variables),
        defaults=defaults or {},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        locales=dict(made.locales),
    )


def test_email() -> None:
    made = template(subject="Hello {{ name }}", content="<p>Hello {{ name }}</p>")
    content = Renderer().render(made, Channel.EMAIL, None, {"name": "<John>"})
    assert content == EmailContent("Hello <John>", "<p>Hello &lt;John&gt;</p>", "Hello <John>")


def test_push() -> None:
    made = template(title="A\n{{ a }}", body="B", link="https://x.test/{{ a }}\r\n", image="{{ missing }}")
    content = Renderer().render(made, Channel.PUSH, None, {"a": "1"})
    assert content == PushContent(title="A 1", body="B", image=None, link="https://x.test/1")


def test_sms() -> None:
    assert Renderer().render(template(text="Code {{ code }}"), Channel.SMS, None, {"code": 42}) == SmsContent("Code 42")


@pytest.mark.parametrize("value", ["\r\nBcc: x@y.z", "\n", "\r", "\u2028", "\u0085", "\x00", "\x1b"])
def test_a_subject_is_one_line_whatever_the_variables(value: str) -> None:
    made = template(subject="a{{ x }}b", content="x")
    content = Renderer().render(made, Channel.EMAIL, None, {"x": value})
    assert isinstance(content, EmailContent)
    assert content.subject.startswith("a ")
    assert content.subject.isprintable()


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("pt-BR", "BR"),
        ("pt-br", "BR"),
        ("pt_BR", "BR"),
        ("pt-PT", "PT"),
        ("pt", "PT"),
        ("de-AT", "EN"),
        (None, "EN"),
        ("", "EN"),
    ],
)
def test_the_nearest_language_is_taken(locale: str | None, subject: str) -> None:
    made = template(
        {"pt-BR": TemplateParts(subject="BR"), "pt": TemplateParts(subject="PT")}, subject="EN", content="x"
    )
    content = Renderer().render(made, Channel.EMAIL, locale, {})
    assert isinstance(content, EmailContent)
    assert content.subject == subject


def test_defaults_stand_in_for_what_is_not_given() -> None:
    made = template(text="{{ a }}{{ b }}", defaults={"a": 1, "b": 2})
    assert Renderer().render(made, Channel.SMS, None, {"b": 3}) == SmsContent("13")


def test_a_channel_that_the_template_has_not_fails_for_good() -> None:
    with pytest.raises(RenderFailed, match="template welcome has no push part"):
        Renderer().render(template(text="x"), Channel.PUSH, None, {})


def test_a_failing_filter_names_the_part() -> None:
    with pytest.raises(RenderFailed, match="text: the number is too large"):
        Renderer().render(template(text="{{ x | times: x }}"), Channel.SMS, None, {"x": 2**4000})


def test_versions_are_kept_apart_and_the_oldest_parts_forgotten() -> None:
    renderer = Renderer(max_templates=2)
    for version in (1, 2, 3, 1):
        content = renderer.render(template(text=f"v{version}", version=version), Channel.SMS, None, {})
        assert content == SmsContent(f"v{version}")
    assert len(renderer._parsed) == 2


def test_time_is_the_threads_own_work() -> None:
    ticks = iter(range(10_000))
    renderer = Renderer(Limits(seconds=50), timer=lambda: float(next(ticks)))
    with pytest.raises(RenderFailed, match="too long"):
        renderer.render(template(text="{% for i in (1..100) %}{{ i }}{% endfor %}"), Channel.SMS, None, {})


def test_plain_templates_render_in_microseconds() -> None:
    made = template(subject="Hello {{ name }}", content="<p>Hello {{ name }}, order {{ order.id }}</p>")
    renderer, variables = Renderer(), {"name": "John", "order": {"id": 42}}
    renderer.render(made, Channel.EMAIL, "en", variables)
    spent = []
    for _ in range(20):
        started = time.thread_time()
        for _ in range(100):
            renderer.render(made, Channel.EMAIL, "en", variables)
        spent.append((time.thread_time() - started) / 100)
    assert min(spent) < 50e-6


LOOP = "{% for i in (1..9999) %}{% for j in (1..9) %}{{ i }}{% endfor %}{% endfor %}"


async def test_what_is_quick_is_rendered_at_once() -> None:
    made = template(text="{% if a %}{{ a }}{% endif %}")
    assert Renderer().quick(made, Channel.SMS, None, {"a": 1}) == SmsContent("1")


async def test_what_is_slow_is_left_to_patience_and_remembered() -> None:
    made, renderer = template(text=LOOP + "{{ a }}"), Renderer(Limits(seconds=20))
    assert renderer.quick(made, Channel.SMS, None, {"a": 1}) is None
    started = time.thread_time()
    assert renderer.quick(made, Channel.SMS, None, {"a": 1}) is None
    assert time.thread_time() - started < 0.001
    content = await renderer.patient(made, Channel.SMS, None, {"a": "end"})
    assert isinstance(content, SmsContent)
    assert content.text.endswith("end")


async def test_a_large_source_is_not_even_parsed_on_the_way() -> None:
    made = template(text="{{ a }}" * 3_000)
    renderer = Renderer()
    assert renderer.quick(made, Channel.SMS, None, {"a": 1}) is None
    assert await renderer.patient(made, Channel.SMS, None, {"a": 1}) == SmsContent("1" * 3_000)
    assert renderer.quick(made, Channel.SMS, None, {"a": 2}) == SmsContent("2" * 3_000)


async def test_patience_ends_too() -> None:
    renderer = Renderer(Limits(seconds=0.01))
    with pytest.raises(RenderFailed, match="too long"):
        await renderer.patient(template(text=LOOP), Channel.SMS, None, {})


def test_all_parts_of_a_message_share_their_time() -> None:
    ticks = iter(range(10_000))
    renderer = Renderer(Limits(seconds=100), timer=lambda: float(next(ticks)))
    part = "{% for i in (1..60) %}{{ i }}{% endfor %}"
    renderer.render(template(text=part), Channel.SMS, None, {})
    with pytest.raises(RenderFailed, match="too long"):
        renderer.render(template(subject=part, html=part, text=part, version=2), Channel.EMAIL, None, {})


def test_a_missing_part_of_a_regional_language_comes_from_the_language() -> None:
    made = template(
        {"pt": TemplateParts(subject="PT", content="pt"), "pt-BR": TemplateParts(content="br")},
        subject="EN",
        content="en",
    )
    assert Renderer().render(made, Channel.EMAIL, "pt-BR", {}) == EmailContent("PT", "br", "br")
