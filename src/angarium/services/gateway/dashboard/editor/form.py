"""Converts a template to form fields, and form fields to a request. Fields have the names of the API's parts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import LINK_VARIABLES
from angarium.services.gateway.dashboard.notifications.views import as_text

GROUPS: Sequence[tuple[str, Sequence[str]]] = (
    ("Email", ("subject", "content", "html", "mjml")),
    ("Plain text of the mail, and SMS", ("text",)),
    ("Push", ("title", "body", "image", "link")),
    ("Webhook", ("json",)),
)
"""The parts of a template, grouped by channel."""
PARTS = tuple(part for _, parts in GROUPS for part in parts)
SHORT = frozenset({"subject", "title", "image", "link"})
"""Parts with one line."""
FIELDS = ("code", "name", "description", "channel", "language", "category", "delivery_policy")
LANGUAGES = "languages"
"""The field with the languages of the translations in the form, separated by commas."""
_MAIN: Mapping[str, Sequence[str]] = {
    Channel.EMAIL: ("subject", "content"),
    Channel.PUSH: ("title", "body"),
    Channel.SMS: ("text",),
    Channel.WEBHOOK: ("json",),
}
"""The parts that the form of a new template shows, by channel. `html` or `mjml` replaces `content`."""
_MAIN_OF_MAIL = ("content", "html", "mjml")
Fields = Mapping[str, str]
EMPTY: Fields = dict.fromkeys((*FIELDS, "defaults", "retry_delays", "required_variables"), "")
"""The fields of an empty form."""


def blank() -> Fields:
    """The fields of a new template."""
    return {"channel": Channel.EMAIL.value, "language": "en", "delivery_policy": "at_least_once"}


def fields_of(template: Mapping[str, Any]) -> Fields:
    """The fields of a version, including its translations."""
    fields = {name: str(template[name]) for name in FIELDS if template.get(name)}
    fields |= {part: template[part] for part in PARTS if template.get(part)}
    for locale, parts in template.get("translations", {}).items():
        fields |= {f"translations.{locale}.{part}": parts[part] for part in PARTS if parts.get(part)}
    fields[LANGUAGES] = ",".join(sorted(template.get("translations", {})))
    fields["defaults"] = as_text(template.get("defaults")) or ""
    fields["retry_delays"] = ", ".join(template.get("retry_delays") or ())
    fields["required_variables"] = ", ".join(_named(template))
    return fields


def body_of(fields: Fields) -> Mapping[str, Any]:
    """The body of the API request, without the code. Raises ValidationFailed if `defaults` is not a JSON object."""
    body: dict[str, Any] = {name: fields.get(name) for name in FIELDS if name != "code"}
    body = {name: value for name, value in body.items() if value is not None or name == "category"}
    body["description"] = fields.get("description", "")
    body["defaults"] = _defaults(fields)
    body["retry_delays"] = _words(fields.get("retry_delays", "")) or None
    body["required_variables"] = _words(fields.get("required_variables", "")) or None
    body |= {part: fields[part] for part in PARTS if part in fields}
    body["translations"] = {
        locale: parts
        for locale in languages_of(fields)
        if (parts := {part: fields[name] for part in PARTS if (name := f"translations.{locale}.{part}") in fields})
    }
    return body


def languages_of(fields: Fields) -> Sequence[str]:
    """The languages of the translations in the form."""
    return sorted(set(_words(fields.get(LANGUAGES, ""))))


def sections_of(fields: Fields) -> Iterator[Mapping[str, Any]]:
    """The sections of the form: one for the template's own language, then one for each translation.

    Parts with content and the main parts of the channel are `open`. The others are collapsed.
    """
    language, channel = fields.get("language", ""), fields.get("channel", "")
    yield {"language": language, "translation": None, "groups": _groups(fields, "", channel)}
    for locale in languages_of(fields):
        prefix = f"translations.{locale}."
        yield {"language": locale, "translation": locale, "groups": _groups(fields, prefix, channel, like=fields)}


def _groups(fields: Fields, prefix: str, channel: str, like: Fields | None = None) -> Sequence[Mapping[str, Any]]:
    """The parts by group. `like`: fields of the own language, whose parts are also open in a translation."""
    opened = _open_parts(fields if like is None else like, channel)
    return [{"name": name, "parts": [_part(fields, prefix, part, opened) for part in parts]} for name, parts in GROUPS]


def _open_parts(fields: Fields, channel: str) -> frozenset[str]:
    """The parts that are not collapsed: those with content, and the main parts of the channel."""
    written = {part for part in PARTS if part in fields}
    wanted = set(_MAIN.get(channel, ()))
    if written & set(_MAIN_OF_MAIL):
        wanted.discard("content")
    return frozenset(written | wanted)


def _part(fields: Fields, prefix: str, part: str, opened: frozenset[str]) -> Mapping[str, Any]:
    name = f"{prefix}{part}"
    source = fields.get(name, "")
    rows = 2 if part in SHORT else min(source.count("\n") + 3, 30)
    return {"name": name, "label": part, "source": source, "rows": rows, "open": bool(source) or part in opened}


def _defaults(fields: Fields) -> Mapping[str, Any]:
    try:
        defaults = msgspec.json.decode(fields.get("defaults") or "{}")
    except (ValueError, RecursionError):
        defaults = None
    if not isinstance(defaults, dict):
        raise ValidationFailed.of("defaults", 'must be a JSON object, such as {"name": "friend"}')
    return defaults


def _named(template: Mapping[str, Any]) -> Sequence[str]:
    """The required variables; empty if they are those that Angarium derives from the sources."""
    given = {*template.get("defaults", {}), *LINK_VARIABLES}
    found = {one["name"] for one in template.get("variables", ())} - given
    required: Sequence[str] = template.get("required_variables", ())
    return () if set(required) == found else required


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]
