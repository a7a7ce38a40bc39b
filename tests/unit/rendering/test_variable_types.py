"""The type of a variable is found from its uses."""

import time

import pytest

from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.variables import typed_variables

ENVIRONMENT = SafeEnvironment(Limits(), time.thread_time, html=True)


@pytest.mark.parametrize(
    ("source", "types"),
    [
        ("{{ a }}", {"a": None}),
        ("{{ a | upcase }}{{ b | date: '%Y' }}", {"a": "string", "b": "string"}),
        ("{{ a | plus: 1 }}{% if b > 3 %}{% endif %}", {"a": "number", "b": "number"}),
        ("{% if a %}x{% endif %}{% unless b == true %}{% endunless %}", {"a": "bool", "b": "bool"}),
        ("{% if a == 'x' %}{% endif %}", {"a": "string"}),
        ("{% if a %}{{ a }}{% endif %}", {"a": None}),
        ("{% for x in a %}{{ x.b }}{% endfor %}{{ c | join: ', ' }}", {"a": "list", "c": "list"}),
        ("{{ a[0] }}{{ b.first }}", {"a": "list", "b": "list"}),
        ("{{ a.b.c }}{% if a.d > 1 %}{% endif %}", {"a": "object"}),
        ("{{ a.size }}", {"a": None}),
        ("{{ a | upcase }}{{ a | plus: 1 }}", {"a": None}),
        ("{% assign x = 1 %}{{ x | upcase }}{{ y | downcase }}", {"y": "string"}),
        ("{% scope x: y %}{{ x | upcase }}{% endscope %}", {"y": None}),
    ],
)
def test_types(source: str, types: dict[str, str | None]) -> None:
    assert {v.name: v.type for v in typed_variables([ENVIRONMENT.compiled(source, "content")])} == types
