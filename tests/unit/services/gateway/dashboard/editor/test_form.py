"""The form of a template: what it shows of one, and the request that it makes."""

from typing import Any

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.templates import TemplateCreate, TemplateParts
from angarium.services.gateway.dashboard.editor.form import PARTS, blank, body_of, fields_of, sections_of

TEMPLATE: dict[str, Any] = {
    "code": "parcel",
    "name": "Parcel",
    "description": "",
    "channel": "email",
    "language": "en",
    "version": 3,
    "required_variables": ["name"],
    "defaults": {"door": "front"},
    "category": "news",
    "delivery_policy": "at_least_once",
    "retry_delays": ["1s", "5s"],
    "subject": "For {{ name }}",
    "html": "<p>\n  {{ name }}, {{ door }}\n</p>\n",
    "content": None,
    "translations": {"fr": {"subject": "Pour {{ name }}"}, "de": {"html": "<p>{{ name }}</p>"}},
    "variables": [{"name": "name"}, {"name": "door"}],
}


def test_a_template_that_is_not_changed_makes_the_request_that_it_came_from() -> None:
    body = body_of(fields_of(TEMPLATE))
    for name in ("name", "description", "channel", "language", "defaults", "category", "retry_delays"):
        assert body[name] == TEMPLATE[name], name
    assert (body["subject"], body["html"]) == (TEMPLATE["subject"], TEMPLATE["html"])
    assert body["translations"] == TEMPLATE["translations"]
    assert "content" not in body
    TemplateCreate.model_validate({"code": "parcel", **body})


def test_every_part_of_a_template_has_a_field() -> None:
    assert set(PARTS) == {field.alias or name for name, field in TemplateParts.model_fields.items()}


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        (["name"], None),  # those that Angarium finds, so that the next version has those of its own sources
        ([], None),
        (["name", "order"], ["name", "order"]),
    ],
)
def test_required_variables_are_named_only_where_they_were(required: list[str], expected: list[str] | None) -> None:
    found = [{"name": "name"}, {"name": "door"}] if required else [{"name": "door"}]
    body = body_of(fields_of({**TEMPLATE, "required_variables": required, "variables": found}))
    assert body["required_variables"] == expected


def test_an_empty_form_takes_away_what_was_there() -> None:
    body = body_of({"channel": "email", "content": "x", "languages": "fr"})
    assert body["category"] is body["retry_delays"] is None
    assert (body["description"], body["defaults"], body["translations"]) == ("", {}, {})


@pytest.mark.parametrize("text", ["{", "[]", "1", '"a"', "[" * 100_000])
def test_defaults_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        body_of({"defaults": text})
    assert refused.value.details[0].field == "defaults"


def test_a_form_shows_what_is_written_and_what_the_channel_begins_with() -> None:
    def shown(fields: dict[str, str]) -> list[list[str]]:
        return [
            [part["name"] for group in section["groups"] for part in group["parts"] if part["open"]]
            for section in sections_of(fields)
        ]

    assert shown(dict(blank())) == [["subject", "content"]]
    assert shown({**blank(), "channel": "sms"}) == [["text"]]
    own, *translated = shown(dict(fields_of(TEMPLATE)))
    assert own == ["subject", "html"]
    assert translated == [
        ["translations.de.subject", "translations.de.html"],
        ["translations.fr.subject", "translations.fr.html"],
    ]
