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
    made = Compiler().compile("Welcome", "en", TemplateParts(**parts), translations or {})
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
    with pytest.raises(RenderFailed, match="nothing for push"):
        Renderer().render(template(text="x"), Channel.PUSH, None, {})


def test_a_failing_filter_names_the_part() -> None:
    with pytest.raises(RenderFailed, match="text: divided_by"):
        Renderer().render(template(text="{{ 1 | divided_by: x }}"), Channel.SMS, None, {"x": 0})


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
