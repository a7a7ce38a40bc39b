"""A template as a form: its fields, and the request that they make. A field has the name of its part in the API."""

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
"""The parts of a template by what they are for."""
PARTS = tuple(part for _, parts in GROUPS for part in parts)
SHORT = frozenset({"subject", "title", "image", "link"})
"""Parts of one line."""
FIELDS = ("code", "name", "description", "channel", "language", "category", "delivery_policy")
LANGUAGES = "languages"
"""The field that names the translations whose parts are in the form, by comma."""
_MAIN: Mapping[str, Sequence[str]] = {
    Channel.EMAIL: ("subject", "content"),
    Channel.PUSH: ("title", "body"),
    Channel.SMS: ("text",),
    Channel.WEBHOOK: ("json",),
}
"""The parts that a new template of each channel begins with; `content` may be `html` or `mjml` as well."""
_MAIN_OF_MAIL = ("content", "html", "mjml")
Fields = Mapping[str, str]
EMPTY: Fields = dict.fromkeys((*FIELDS, "defaults", "retry_delays", "required_variables"), "")
"""What a form without any value shows."""


def blank() -> Fields:
    """The fields of a new template."""
    return {"channel": Channel.EMAIL.value, "language": "en", "delivery_policy": "at_least_once"}


def fields_of(template: Mapping[str, Any]) -> Fields:
    """The fields of a version, in its own language."""
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
    """The request that the fields make, without the code. Raises ValidationFailed where `defaults` is not JSON."""
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
    """The form's parts: a section for the template's own language, then one for each translation.

    Parts with content, and those that the channel begins with, are `open`; others are shown on demand.
    """
    language, channel = fields.get("language", ""), fields.get("channel", "")
    yield {"language": language, "translation": None, "groups": _groups(fields, "", channel)}
    for locale in languages_of(fields):
        prefix = f"translations.{locale}."
        yield {"language": locale, "translation": locale, "groups": _groups(fields, prefix, channel, like=fields)}


def _groups(fields: Fields, prefix: str, channel: str, like: Fields | None = None) -> Sequence[Mapping[str, Any]]:
    """The parts by channel. `like`: fields whose parts are wanted here too, in this language."""
    begun = _begun(fields if like is None else like, channel)
    return [{"name": name, "parts": [_part(fields, prefix, part, begun) for part in parts]} for name, parts in GROUPS]


def _begun(fields: Fields, channel: str) -> frozenset[str]:
    """The parts that a form of this channel shows at once."""
    written = {part for part in PARTS if part in fields}
    wanted = set(_MAIN.get(channel, ()))
    if written & set(_MAIN_OF_MAIL):
        wanted.discard("content")
    return frozenset(written | wanted)


def _part(fields: Fields, prefix: str, part: str, begun: frozenset[str]) -> Mapping[str, Any]:
    name = f"{prefix}{part}"
    source = fields.get(name, "")
    rows = 2 if part in SHORT else min(source.count("\n") + 3, 30)
    return {"name": name, "label": part, "source": source, "rows": rows, "open": bool(source) or part in begun}


def _defaults(fields: Fields) -> Mapping[str, Any]:
    try:
        defaults = msgspec.json.decode(fields.get("defaults") or "{}")
    except (ValueError, RecursionError):
        defaults = None
    if not isinstance(defaults, dict):
        raise ValidationFailed.of("defaults", 'must be an object in JSON, such as {"name": "friend"}')
    return defaults


def _named(template: Mapping[str, Any]) -> Sequence[str]:
    """The required variables, where they are others than those that Angarium finds by itself."""
    given = {*template.get("defaults", {}), *LINK_VARIABLES}
    found = {one["name"] for one in template.get("variables", ())} - given
    required: Sequence[str] = template.get("required_variables", ())
    return () if set(required) == found else required


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]
