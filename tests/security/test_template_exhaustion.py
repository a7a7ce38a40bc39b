"""Hostile templates: none reads what it should not, none takes long, none takes much memory (CWE-400, CWE-1336)."""

import resource
import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate, TemplateParts
from angarium.rendering.compile import Compiler
from angarium.rendering.content import EmailContent
from angarium.rendering.problems import RenderFailed, TemplateInvalid
from angarium.rendering.renderer import Renderer

SECONDS = 2.0
MEGABYTES = 160
BIG = "x" * 250_000

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ x.__class__.__mro__ }}",
    "{{ x['__class__']['__init__']['__globals__'] }}",
    "{{ x.__init__ }}{{ d.__class__ }}{{ d.keys }}{{ d.items }}{{ l.append }}{{ n.real }}",
    "{{ forloop.__class__ }}{% for i in l %}{{ forloop.it }}{{ forloop.__init__.__globals__ }}{% endfor %}",
    "{{ environment }}{{ env }}{{ self }}{{ template }}{{ context }}{{ os }}{{ builtin }}",
    "{{ x | map: '__class__' }}",
    "{{ d | map: '__class__' | first }}",
    "{{ l | where: '__class__' | size | prepend: '' | remove: '0' }}",
    "{{ l | sum: '__class__' | remove: '0' }}",
]
REFUSED = [
    "{% include 'secret' %}",
    "{% render '/etc/passwd' %}",
    "{% extends 'a' %}",
    "{% macro a %}{% endmacro %}",
    "{{ x | attr: '__class__' }}",
    "{{ x | eval }}",
    "{{ x | tojson }}",
    "{% liquid include 'a' %}",
    "{{" + " " * 150_000,
    "{{" + " " * 150_000 + "}}",
    "{% " + "a" * 150_000 + " %}",
    "{% comment %}" + "{% raw %}" * 20_000,
    "{% comment %}" + "{% doc %}" * 20_000,
    "{{ '" * 40_000,
    "{% if x %}" * 10_000,
    "{{ x }}" * 10_000,
    "{% if x %}" * 100 + "{% endif %}" * 100,
    "{{ " + "a[" * 600 + "b" + "]" * 600 + " }}{{ x |",
]
DOUBLING = "{% assign a = 'aaaaaaaaaa' %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}{{ a }}"
BOUNDED = {
    "range": "{% for i in (1..1000000000) %}x{% endfor %}",
    "range reversed": "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "range offset": "{% for i in (1..1000000000) offset: 999999999 %}x{% endfor %}",
    "range negative": "{% for i in (1..1000000000) reversed offset: 999999999 limit: -999999998 %}x{% endfor %}",
    "range beyond size": "{% for i in (1..99999999999999999999999999) %}x{% endfor %}",
    "range joined": "{{ (1..1000000000) | join: 'x' }}",
    "range sorted": "{% assign r = (1..1000000000) %}{{ r | reverse | first }}",
    "tablerow": "{% tablerow i in (1..1000000000) cols: 2 %}x{% endtablerow %}",
    "nested loops": "{% for a in (1..9999) %}{% for b in (1..9999) %}{% for c in (1..9999) %}" + "{% endfor %}" * 3,
    "many loops": "{% for a in (1..9999) %}{% endfor %}" * 4_000,
    "heavy body": "{% for a in (1..9999) %}" + "{% comment %}{% endcomment %}" * 2_400 + "{% endfor %}",
    "blank loop": "{% for a in (1..300) %}{% for b in (1..300) %}{% assign z = a %}{% endfor %}{% endfor %}",
    "doubling": DOUBLING,
    "captures": "{% assign a = 'aaaaaaaaaa' %}{% for i in (1..60) %}"
    "{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}",
    "replace": "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " }}",
    "replace of nothing": "{{ big | replace: '', big }}",
    "prepend": "{{ big" + " | prepend: big" * 30 + " }}",
    "many outputs": "{{ big }}" * 4_000,
    "many escapes": "{{ html }}" * 4_000,
    "split": "{{ big | split: '' | join: big }}",
    "split words": "{{ words | split: ' ' | uniq | size }}",
    "lists": "{% assign l = l | concat: l %}" * 60 + "{{ l | join: big }}",
    "list of texts": "{% assign l = big | split: 'y' %}" + "{% assign l = l | concat: l %}" * 20 + "{{ l }}",
    "list sorted": "{% assign l = big | split: 'y' %}"
    + "{% assign l = l | concat: l %}" * 13
    + "{{ l | sort | size }}",
    "uniq": "{% for i in (1..200) %}{% assign u = objects | uniq %}{% endfor %}",
    "power": "{% assign n = 99999999 %}{% for i in (1..64) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
    "locals": "{% for i in (1..99) %}{% assign a = big | append: i %}{% endfor %}"
    + "".join(f"{{% assign v{i} = big | append: '{i}' %}}" for i in range(200)),
    "cycles": "{% for i in (1..5000) %}{% assign k = big | append: i %}{% cycle k: 'a', 'b' %}{% endfor %}",
    "strip_html": "{{ open | strip_html | size }}" * 50,
    "strip_html scripts": "{{ scripts | strip_html | size }}" * 50,
    "date width": "{{ 'now' | date: '%999999999d' }}",
    "date text": "{{ big | date: '%Y' }}",
    "slice": "{{ big | slice: -9223372036854775808, 9223372036854775807 | size }}" * 500,
    "squish": "{% for i in (1..3000) %}{{ blanks | squish }}{% endfor %}",
    "escapejs": "{{ quotes | escapejs | size }}" * 500,
    "truncatewords": "{{ words | truncatewords: 999999 | size }}" * 500,
    "url": "{{ quotes | url_encode | url_encode | url_encode | url_encode | size }}",
    "base64": "{{ big" + " | base64_encode" * 20 + " }}",
    "contains": "{% for i in (1..9000) %}{% if big contains quotes %}{% endif %}{% endfor %}",
    "deep logic": "{% if " + " and ".join(["x"] * 400) + " %}x{% endif %}",
    "deep path": "{{ " + "a[" * 600 + "b" + "]" * 600 + " }}",
    "increments": "{% increment a %}" * 4_900,
    "division": "{{ 1 | divided_by: 0 }}",
    "infinity": "{{ '1e308' | times: '1e308' | minus: '1e999' | ceil }}",
    "not a number": "{{ 'nan' | round: 3 | floor }}",
    "break": "{% for i in (1..9999) %}{% break %}{% endfor %}" * 3_000,
}
VARIABLES: Mapping[str, Any] = {
    "x": "x",
    "d": {"a": 1},
    "l": [1, 2, 3],
    "n": 1,
    "big": BIG,
    "html": "<&>" * 80_000,
    "words": "w " * 120_000,
    "open": "<" * 250_000,
    "scripts": "<script" * 30_000,
    "blanks": " \n" * 100_000,
    "quotes": "'\"" * 100_000,
    "objects": [{"i": i, "a": {"b": [i]}} for i in range(900)],
}


def compiled(source: str) -> CompiledTemplate:
    return CompiledTemplate(
        template_id=UUID(int=1),
        tenant="default",
        code="hostile",
        version=1,
        language="en",
        required_variables=[],
        defaults={},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        locales={"en": ChannelSources(email={"html": source})},
    )


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("source", ESCAPES)
def test_no_attribute_of_python_is_reached(source: str) -> None:
    try:
        content = Renderer().render(compiled(source), Channel.EMAIL, None, VARIABLES)
    except RenderFailed:
        return
    assert isinstance(content, EmailContent)
    assert content.html is not None
    assert "class" not in content.html
    assert "<" not in content.html
    assert len(content.html) < 20


@pytest.mark.parametrize("source", REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_liquid_is_refused_at_save_within_two_seconds(source: str) -> None:
    started = time.thread_time()
    with pytest.raises(TemplateInvalid) as caught:
        Compiler().compile("t", "en", TemplateParts.model_construct(content=source), {})
    assert time.thread_time() - started < SECONDS
    assert all(problem.line is not None and problem.column is not None for problem in caught.value.problems)


@pytest.mark.parametrize("name", BOUNDED)
def test_what_is_endless_ends_within_two_seconds_and_in_little_memory(name: str) -> None:
    before = peak_megabytes()
    started = time.thread_time()
    try:
        content = Renderer().render(compiled(BOUNDED[name]), Channel.EMAIL, None, VARIABLES)
    except RenderFailed:
        pass
    else:
        assert isinstance(content, EmailContent)
        assert content.html is not None
        assert len(content.html.encode()) <= 1_000_000
    assert time.thread_time() - started < SECONDS
    assert peak_megabytes() - before < MEGABYTES


HOSTILE_PAGES = {
    "deep": "<style>p{color:red}</style>" + "<div>" * 39_000,
    "deep in quotes": '<style>p{color:red}</style><div ">' + "<b>" * 60_000 + '">',
    "formatting copied": "<style>p{color:red}</style>" + "".join(f"<b a={i}><p>" for i in range(12_000)),
    "false ends": "<style>p{color:red}</style>" + "<b><div></b>" * 15_000,
    "ends in comments": "<style>p{color:red}</style>" + "<b><!--></b>" * 15_000,
    "ends in svg": "<style>p{color:red}</style><svg>" + "<tr>" * 40_000,
    "selectors": "<style>" + "i " * 20_000 + "u{color:red}</style>" + "<i>" * 190 + "</i>" * 190,
    "many rules": "<style>"
    + "".join(f".a{i} .b ~ *{{color:red}}" for i in range(4_000))
    + "</style>"
    + "<p>x</p>" * 5_000,
    "lists": "<ul><li>" * 20_000,
    "tables": "<table><tr><td>" * 13_000,
    "unclosed": "<a href='" * 20_000,
    "tags": "<table" * 30_000,
    "entities": "&" * 190_000,
}


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_hostile_html_neither_ends_the_process_nor_takes_long(name: str) -> None:
    """In a thread, as the service does it: its stack is what overflows first."""
    outcome: list[object] = []

    def work() -> None:
        try:
            outcome.append(Compiler().compile("t", "en", TemplateParts(content=HOSTILE_PAGES[name]), {}))
        except TemplateInvalid as invalid:
            outcome.append(invalid)

    started = time.perf_counter()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcome
    assert time.perf_counter() - started < 3 * SECONDS


@pytest.mark.parametrize(
    "source",
    [
        "<mjml><mj-body>" + "<mj-section>" * 7_000 + "</mj-section>" * 7_000 + "</mj-body></mjml>",
        "<mjml><mj-body><mj-raw>" + "<b>" * 17_000 + "</b>" * 17_000 + "</mj-raw></mj-body></mjml>",
        "<mjml><mj-body><mj-include path='/etc/passwd' /></mj-body></mjml>",
        "<mjml><mj-body><mj-bogus /></mj-body></mjml>",
        "<mjml><mj-body>",
        "<!--" * 40_000,
    ],
    ids=range(6),
)
def test_hostile_mjml_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        Compiler().compile("t", "en", TemplateParts(mjml=source), {})
    assert caught.value.problems[0].field == "mjml"
    assert caught.value.problems[0].line == 1


def test_a_template_reads_no_file_of_the_server(tmp_path: Any) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("p { color: #123456 }")
    page = (
        f'<html><head><style>@import url("file://{secret}"); p {{ margin: 0 }}</style>'
        f'<link rel="stylesheet" href="file://{secret}"><link rel="stylesheet" href="{secret}"></head><p>x</p></html>'
    )
    made = Compiler().compile("t", "en", TemplateParts(content=page), {})
    assert "#123456" not in str(made.locales)
