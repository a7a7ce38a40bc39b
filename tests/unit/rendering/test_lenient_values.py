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
