"""The values of templates, versions and previews on their pages."""

import json
from typing import Any

import pytest

from angarium.services.gateway.dashboard.library.views import sample_of, versions_of


@pytest.mark.parametrize(
    ("required", "types", "defaults", "expected"),
    [
        (["name"], {"name": "string"}, {}, {"name": "name"}),
        (["total", "paid", "items", "user"], {"total": "number", "paid": "bool", "items": "list", "user": "object"}, {},
         {"total": 42, "paid": True, "items": ["items"], "user": {}}),
        (["order.number", "order.date"], {}, {}, {"order": {"number": "order.number", "date": "order.date"}}),
        (["order", "order.number"], {"order": "string"}, {}, {"order": "order"}),
        ([], {"door": None}, {"door": "front"}, {"door": "front"}),
        ([], {}, {}, {}),
    ],
)  # fmt: skip
def test_a_sample_has_a_value_of_each_variables_type(
    required: list[str], types: dict[str, str | None], defaults: dict[str, Any], expected: dict[str, Any]
) -> None:
    variables = [{"name": name, "type": kind} for name, kind in types.items()]
    template = {"required_variables": required, "variables": variables, "defaults": defaults}
    assert json.loads(sample_of(template)) == expected


def test_a_version_is_compared_with_the_published_one_and_has_its_act() -> None:
    states = {4: "draft", 3: "published", 2: "superseded"}
    rows = versions_of([{"version": version, "status": status} for version, status in states.items()], 4)
    assert [(row["here"], row["act"], row["against"]) for row in rows] == [
        (True, "Publish", 3),
        (False, None, None),
        (False, "Roll back", 3),
    ]
