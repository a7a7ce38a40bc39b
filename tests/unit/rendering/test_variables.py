"""Variables are found, and which of them are required."""

import time

import pytest

from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.variables import Variable, find_variables, required_names

ENVIRONMENT = SafeEnvironment(Limits(), time.thread_time, html=True)


@pytest.mark.parametrize(
    ("source", "required"),
    [
        ("{{ name }}", ["name"]),
        ("{{ b }}{{ a }}{{ b }}", ["b", "a"]),
        ("{{ order.customer.name }}", ["order"]),
        ("{{ order['id'] }}{{ items[0] }}{{ items[index] }}", ["order", "items", "index"]),
        ("{{ name | default: 'you' }}", []),
        ("{{ name | default: fallback }}", []),
        ("{{ name | upcase | append: suffix }}", ["name", "suffix"]),
        ("{% if vip %}yes{% endif %}", []),
        ("{% if vip %}{{ discount }}{% endif %}", ["discount"]),
        ("{% if coupon %}Use {{ coupon }}{% endif %}", []),
        ("{% if coupon %}Use {{ coupon }}{% endif %}{{ coupon }}", ["coupon"]),
        ("{% unless quiet %}{{ name }}{% endunless %}", ["name"]),
        ("{% case kind %}{% when 'a' %}{{ a }}{% else %}{{ b }}{% endcase %}", ["a", "b"]),
        ("{% for item in items %}{{ item.name }}{{ forloop.index }}{{ shop }}{% endfor %}", ["items", "shop"]),
        ("{% for item in items %}{% endfor %}{{ item }}", ["items", "item"]),
        ("{% assign full = first | append: last %}{{ full }}", ["first", "last"]),
        ("{% capture greeting %}Hi {{ name }}{% endcapture %}{{ greeting }}", ["name"]),
        ("{{ 'now' | date: '%Y' }}{{ 1 }}{{ true }}", []),
        ("{% comment %}{{ name }}{% endcomment %}{% raw %}{{ name }}{% endraw %}", []),
        ("{{ now }}{{ today }}{{ partial }}", ["now", "today", "partial"]),
        ("no variables", []),
    ],
)
def test_required_variables_are_those_without_which_something_is_missing(source: str, required: list[str]) -> None:
    assert required_names([ENVIRONMENT.compiled(source, "content")]) == required


def test_a_variable_knows_where_it_is_used_first() -> None:
    found = find_variables(ENVIRONMENT.compiled("a\n  {% if b %}{{ c }}{% endif %}\n{{ b }}", "content"))
    assert found == (Variable("b", True, 2, 9), Variable("c", True, 2, 16))
