"""Numbers, money and times as the recipient's language writes them."""

import time

import pytest

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import TemplateParts
from angarium.rendering.authoring import AuthoringEnvironment
from angarium.rendering.compile import Compiler
from angarium.rendering.content import EmailContent
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.renderer import Renderer
from tests.security.test_template_exhaustion import compiled

PLAIN = SafeEnvironment(Limits(), lambda: 0.0, html=False)
HTML = SafeEnvironment(Limits(), lambda: 0.0, html=True)
AT = "2026-03-05T09:30:00Z"


def written(source: str, locale: str, value: object = 1234.5, environment: SafeEnvironment = PLAIN) -> str:
    return render(environment.compiled(source, "text"), {"x": value}, "text", locale=locale)


@pytest.mark.parametrize(
    ("filter_", "value", "english", "german", "french"),
    [
        ("number", 1234.5, "1,234.5", "1.234,5", "1 234,5"),
        ("number: 2", "1234.5", "1,234.50", "1.234,50", "1 234,50"),
        ("number", 7, "7", "7", "7"),
        ("percent", 0.256, "26%", "26 %", "26 %"),
        ("percent: 1", 0.256, "25.6%", "25,6 %", "25,6 %"),
        ("currency: 'EUR'", 1234.5, "€1,234.50", "1.234,50 €", "1 234,50 €"),
        ("currency: 'JPY'", 1234, "¥1,234", "1.234 ¥", "1 234 JPY"),
        ("local_date: 'long'", AT, "March 5, 2026", "5. März 2026", "5 mars 2026"),
        ("local_time: 'short', 'Europe/Berlin'", AT, "10:30 AM", "10:30", "10:30"),
        ("local_datetime", AT, "Mar 5, 2026, 9:30:00 AM", "05.03.2026, 09:30:00", "5 mars 2026, 09:30:00"),
        ("local_date: 'short', 'Asia/Tokyo'", "2026-03-05T23:00:00Z", "3/6/26", "06.03.26", "06/03/2026"),
    ],
)
def test_each_language_has_its_own_form(filter_: str, value: object, english: str, german: str, french: str) -> None:
    found = [written(f"{{{{ x | {filter_} }}}}", locale, value) for locale in ("en", "de", "fr-FR")]
    assert found == [english, german, french]


@pytest.mark.parametrize("value", ["soon", True, 1e21, "1e999999", float("inf"), [1], {"a": 1}])
def test_what_is_no_number_is_given_back(value: object) -> None:
    assert written("{{ x | number }}", "de", value) == written("{{ x }}", "de", value)


@pytest.mark.parametrize("filter_", ["number", "percent", "currency: 'EUR'", "local_date", "local_datetime"])
def test_null_is_empty(filter_: str) -> None:
    assert written(f"{{{{ x | {filter_} }}}}{{{{ y | {filter_} }}}}", "de", None) == ""


def test_an_unknown_language_is_written_as_english() -> None:
    assert written("{{ x | number }}", "xx-XX") == "1,234.5"


def test_html_keeps_the_spaces_that_do_not_break() -> None:
    assert written("{{ x | currency: 'EUR' }}", "de", environment=HTML) == "1.234,50\u00a0€"


WRONG = {
    "number: 21": "decimals must be from 0 to 20",
    "number: 'a'": "decimals must be from 0 to 20",
    "currency: 'euro'": "needs a code such as 'EUR'",
    "local_date: 'iso'": "needs one of short, medium, long, full",
    "local_time: 'short', '../../etc/passwd'": "needs a time zone such as 'Europe/Paris'",
    "truncate: 'x'": "truncate expected an integer",
}


@pytest.mark.parametrize(("filter_", "message"), WRONG.items())
def test_wrong_arguments_are_found_at_save(filter_: str, message: str) -> None:
    environment = AuthoringEnvironment(Limits(), time.thread_time, html=False)
    with pytest.raises(TemplateProblem, match=message) as caught:
        environment.compiled(f"Hello\n{{{{ x | {filter_} }}}}", "text")
    assert (caught.value.line, caught.value.column) == (2, 8)


@pytest.mark.parametrize("filter_", WRONG)
def test_wrong_arguments_leave_the_value_as_it_is(filter_: str) -> None:
    """Arguments can be variables, known only when the notification is rendered."""
    name, _, arguments = filter_.partition(": ")
    names = ", ".join(f"wrong[{i}]" for i in range(len(arguments.split(", "))))
    wrong = [int(given) if given.isdecimal() else given.strip("'") for given in arguments.split(", ")]
    template = PLAIN.compiled(f"{{{{ x | {name}: {names} }}}}", "text")
    assert render(template, {"x": 1234.5, "wrong": wrong}, "text") == "1234.5"


def test_a_missing_currency_is_found_at_save() -> None:
    with pytest.raises(TemplateProblem, match="currency: missing a required argument"):
        PLAIN.compiled("{{ x | currency }}", "text")


@pytest.mark.parametrize(("wanted", "amount"), [("de-CH", "1\u2019234.50"), ("fr", "1,234.50"), (None, "1,234.50")])
def test_the_recipients_own_form_goes_with_a_text_in_that_language(wanted: str | None, amount: str) -> None:
    parts = TemplateParts(content="<p>{{ x | number: 2 }}</p>", subject="S")
    made = Compiler().compile("n", "en", parts, {"de": TemplateParts(subject="B")})
    template = compiled("").model_copy(update={"locales": made.locales, "language": "en"})
    content = Renderer().render(template, Channel.EMAIL, wanted, {"x": 1234.5})
    assert isinstance(content, EmailContent)
    assert content.html == f"<p>{amount}</p>"
    assert made.variables[0].type == "number"
