"""Values of another type than a template expects end no rendering, and no machine's zone decides what a mail says."""

import time
from typing import Any

import pytest

from angarium.contracts.header_text import header_text
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render

NULL_FILTERS = ("upcase", "plus: 1", "round", "truncate: 3", "join: ','", "map: 'x'", "sort", "split: ','", "times: 2")


def rendered(source: str, *, html: bool = False, **variables: Any) -> str:
    environment = SafeEnvironment(Limits(), time.thread_time, html=html)
    return render(environment.compiled(source, "content"), variables, "content")


@pytest.mark.parametrize(
    ("condition", "left", "right", "holds"),
    [
        (">", "2", 1, True),
        (">", "10", "9", False),  # both text: as text
        ("<", 2, "10", True),
        ("<", "x", 1, False),
        (">", "x", 1, False),
        (">=", "2", 2, True),
        ("<=", " 2.5 ", 2.5, True),
        (">=", None, 1, False),
        ("<", {"a": 1}, 1, False),
        ("<=", [1], [1], False),
        (">", True, 0, False),
        ("<", "1e400", 1, False),
        ("<", "nan", 1, False),
        ("contains", 5, 3, False),
        ("contains", {"a": 1}, ["a"], False),
        ("contains", ["a"], "a", True),
    ],
)
def test_a_comparison_has_an_answer(condition: str, left: object, right: object, holds: bool) -> None:
    for source in (
        f"{{% if a {condition} b %}}yes{{% else %}}no{{% endif %}}",
        f"{{% unless a {condition} b %}}no{{% else %}}yes{{% endunless %}}",
        f"{{% if true and a {condition} b %}}yes{{% else %}}no{{% endif %}}",
        f"{{% for i in l %}}{{% if a {condition} b %}}yes{{% else %}}no{{% endif %}}{{% endfor %}}",
    ):
        assert rendered(source, a=left, b=right, l=[1]) == ("yes" if holds else "no")


@pytest.mark.parametrize("used", NULL_FILTERS)
def test_null_in_an_object_fails_no_filter(used: str) -> None:
    assert rendered(f"{{{{ o.x | {used} }}}}", o={"x": None}) == rendered(f"{{{{ o.y | {used} }}}}", o={"x": None})


VALUES: tuple[object, ...] = (
    None, True, False, 0, -3, 1.5, 1e300, 10**30, "", "abc", "2024-03-31", "€é", "NaN", "Infinity", "1e999999",
    "9" * 400, "9999-12-31T23:59:59-14:00", "%", [], [1, "a", None], [[1], {"a": 1}], {}, {"a": None},
    [{"a": 1}, {"a": "x"}, {}],
)  # fmt: skip
FILTERS = (
    "date: '%d'", "upcase", "size", "first", "last", "join: ','", "split: ','", "sort", "sort: 'a'",
    "sort_natural", "map: 'a'", "where: 'a', 1", "sum", "sum: 'a'", "uniq", "uniq: 'a'", "compact", "reverse",
    "concat: v", "slice: 0, 2", "slice: v", "truncate: 5", "truncate: v", "truncatewords: v", "plus: v", "minus: v",
    "times: v", "divided_by: v", "modulo: v", "round", "round: v", "ceil", "floor", "abs", "at_least: v", "at_most: v",
    "default: v", "replace: v, v", "replace_first: v", "remove: v", "append: v", "prepend: v", "strip_html",
    "newline_to_br", "escape", "escape_once", "url_encode", "url_decode", "base64_encode", "base64_decode",
    "base64_url_safe_decode", "json", "number: v", "percent: v", "currency: v", "local_date: v",
    "local_time: 'short', v", "local_datetime", "find: 'a', 1", "find_index: 'a', 1", "has: 'a'", "reject: 'a'",
    "lstrip", "squish", "strip_newlines", "safe",
)  # fmt: skip
PYTHON = ("None", "True", "False", "nan", "inf", "Decimal", "('", "{'", "['")


@pytest.mark.parametrize("used", FILTERS)
def test_no_value_makes_a_filter_fail_or_show_python(used: str) -> None:
    for html in (False, True):
        for value in VALUES:
            text = rendered(f"{{{{ v | {used} }}}}", html=html, v=value)
            assert not any(word in text for word in PYTHON), (value, text)


@pytest.mark.parametrize("value", [*VALUES, [[1], [2]]])
def test_no_value_makes_a_loop_fail(value: object) -> None:
    for source in (
        "{% for i in v %}{{ i }}{% endfor %}",
        "{% for i in x limit: v %}{{ i }}{% endfor %}",
        "{% for i in x offset: v %}{{ i }}{% endfor %}",
        "{% for i in x limit: v offset: v reversed %}{{ i }}{% endfor %}",
        "{% tablerow i in x cols: v limit: v %}{{ i }}{% endtablerow %}",
        "{{ x[v] }}{{ v[x] }}{{ v.a.b.size }}{% assign y = v | plus: 1 %}",
    ):
        rendered(source, v=value, x=[1, 2, 3])


@pytest.mark.parametrize(("bound", "text"), [(None, "123"), ("x", "123"), (-1, ""), (0, ""), ("2", "12"), (1.9, "1")])
def test_a_limit_that_is_no_number_does_not_bound_a_loop(bound: object, text: str) -> None:
    assert rendered("{% for i in x limit: v %}{{ i }}{% endfor %}", v=bound, x=[1, 2, 3]) == text


@pytest.mark.parametrize(
    ("used", "value", "text"),
    [
        ("divided_by: 0", 100, ""),
        ("modulo: 0", 100, ""),
        ("plus: 1", "NaN", "1"),
        ("ceil", "Infinity", "0"),
        ("times: v", 1e308, "1" + "0" * 308),
        ("base64_decode", "no base64", "no base64"),
        ("append: '!'", True, "true!"),
        ("append: '!'", {"a": None}, '{"a": null}!'),
        ("join: ', '", [True, {"a": 1}], 'true, {"a": 1}'),
        ("sum", [1, "2", "x", None], "3"),
        ("sum: 'n'", [{"n": 1}, {"n": "2"}, {"n": "x"}, {}, 5], "3"),
        ("map: 'n' | join", [{"n": 1}, 5, {"n": 2}], "1 2"),
        ("where: 'n', 1 | size", [{"n": 1}, 5, None], "1"),
        ("where: 'n' | size", 5, "0"),
        ("has: 'n'", 5, "false"),
        ("find: 'n', 1", 5, ""),
        ("sort | join", [2, "a", 1], "2 a 1"),
        ("currency: missing", 5, "5"),
        ("currency: 'eur'", 5, "5"),
        ("local_date: 'long', missing", "2026-03-05", "March 5, 2026"),
        ("local_date", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
        ("first", {"a": None}, "a"),
    ],
)
def test_a_filter_that_cannot_use_its_value_returns_it(used: str, value: object, text: str) -> None:
    assert rendered(f"{{{{ v | {used} }}}}", v=value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("soon", "soon"),
        (1700000000, "2023-11-14 22:13 +0000"),
        ("1700000000", "2023-11-14 22:13 +0000"),
        (1700000000.5, "2023-11-14 22:13 +0000"),
        (1700000000000, "1700000000000"),
        (-1, "1969-12-31 23:59 +0000"),
        ("2026-01-01T12:00:00", "2026-01-01 12:00 +0000"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01 12:00 +0200"),
        ("2026-01-01", "2026-01-01 00:00 +0000"),
        (True, "true"),
        ("9" * 90, "9" * 90),
        ("99999-01-01", "99999-01-01"),
    ],
)
def test_a_date_is_written_in_utc_or_given_back(value: object, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("America/New_York", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert rendered("{{ v | date: '%Y-%m-%d %H:%M %z' }}", v=value) == text
    monkeypatch.undo()
    time.tzset()


def test_seconds_of_a_date_do_not_depend_on_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    written = rendered("{{ '2026-01-01T00:00:00' | date: '%s' }}")
    monkeypatch.undo()
    time.tzset()
    assert written == "1767225600"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("O\u0092Brien", "O Brien"),
        ("a\u2028b\x00\x1bc", "a b c"),
        ("Re: =?utf-8?q?hi?= there", "Re: = ?utf-8?q?hi?= there"),
        ("=?=?utf-8?q?=3D?=", "=?= ?utf-8?q?=3D?="),
        ("\ud800x", "x"),
        ("Jörg Müller", "Jörg Müller"),
        ("What=?", "What=?"),
        (" Ada ", "Ada"),
    ],
)
def test_what_no_header_may_hold_is_taken_out(text: str, header: str) -> None:
    assert header_text(text) == header


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"x": "<b>", "y": None, "z": True}, '{"x": "<b>", "y": null, "z": true}'),
        ([1, {"a": "é"}, None], '1{"a": "é"}'),
        (1e16, "10000000000000000"),
        (0.00001, "0.00001"),
        (1.5, "1.5"),
        (True, "true"),
    ],
)
@pytest.mark.parametrize("source", ["{{ x }}", "{% echo x %}", "{% if true %}{{ x }}{% endif %}"])
def test_values_are_shown_as_json_shows_them(source: str, value: object, text: str) -> None:
    assert rendered(source, x=value) == text


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("{{ x | replace: ', ', '<br>' }}", "a<br>&lt;b&gt;<br>c"),
        ("{{ x | replace_first: ', ', '<br>' }}", "a<br>&lt;b&gt;, c"),
        ("{{ x | replace: ', ', y }}", "a&lt;i&gt;&lt;b&gt;&lt;i&gt;c"),
        ("{{ x | escape | replace: ', ', y }}", "a&lt;i&gt;&lt;b&gt;&lt;i&gt;c"),
        ("{{ x | replace: '', '<' }}", "&lt;a&lt;,&lt; &lt;&lt;&lt;b&lt;&gt;&lt;,&lt; &lt;c&lt;"),
    ],
)
def test_what_an_author_puts_in_place_of_something_is_html(source: str, html: str) -> None:
    """As with `append` and `join`; what a variable holds is escaped as everywhere."""
    assert rendered(source, html=True, x="a, <b>, c", y="<i>") == html
