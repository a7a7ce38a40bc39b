"""Converts templates, versions and previews to values for their pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from angarium.contracts.statuses import Channel
from angarium.services.gateway.dashboard.library.use_cases import Preview
from angarium.services.gateway.dashboard.notifications.views import as_text

PARTS = ("subject", "content", "html", "mjml", "text", "title", "body", "image", "link", "json")
"""The sources of a template, in the order in which they are shown."""
_ADDRESS_LABELS = {
    Channel.EMAIL: "Email address or user id",
    Channel.SMS: "Phone number or user id",
    Channel.PUSH: "Push token or user id",
    Channel.WEBHOOK: "URL or user id",
}


def sources_of(template: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """The sources of a version: those in its own language, then those of its translations."""
    own = [{"name": name, "source": template[name]} for name in PARTS if template.get(name)]
    return own + [
        {"name": f"{locale}: {name}", "source": parts[name]}
        for locale, parts in sorted(template.get("translations", {}).items())
        for name in PARTS
        if parts.get(name)
    ]


def versions_of(versions: Sequence[Mapping[str, Any]], shown: int) -> Sequence[Mapping[str, Any]]:
    """Each version with `here` (it is shown), `act` (the label of its button) and `against` (the one to compare)."""
    published = next((one["version"] for one in versions if one["status"] == "published"), None)
    return [
        {
            **one,
            "here": one["version"] == shown,
            "act": {"draft": "Publish", "superseded": "Roll back"}.get(one["status"]),
            "against": published if published != one["version"] else None,
        }
        for one in versions
    ]


def previews_of(previews: Sequence[Preview]) -> Mapping[str, Any]:
    """The rendered parts by channel, and the names of missing variables."""
    missing = {name for preview in previews for name in preview.parts.get("missing_variables", ())}
    return {
        "channels": [{"name": preview.channel.value, "to": _ADDRESS_LABELS[preview.channel]} for preview in previews],
        "missing": sorted(missing),
        **{preview.channel.value: _shown(preview) for preview in previews},
    }


def sample_of(template: Mapping[str, Any]) -> str:
    """Sample variables as JSON: each required variable has a value of its type; texts are their own names."""
    types = {one["name"]: one.get("type") for one in template.get("variables", ())}
    sample: dict[str, Any] = {}
    for name in template.get("required_variables", ()):
        _put(sample, name.split("."), _value(name, types.get(name)))
    return as_text({**sample, **template.get("defaults", {})}) or "{}"


def _put(sample: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Set a value at a dotted path, unless it is set or the path leads through a value that is not an object."""
    *way, last = path
    for name in way:
        sample = sample.setdefault(name, {})
        if not isinstance(sample, dict):
            return
    sample.setdefault(last, value)


def _value(name: str, kind: str | None) -> object:
    match kind:
        case "number":
            return 42
        case "bool":
            return True
        case "list":
            return [name]
        case "object":
            return {}
        case _:
            return name


def _shown(preview: Preview) -> Mapping[str, Any]:
    text = preview.parts.get("text") or ""
    return {**preview.parts, "fault": preview.fault, "characters": len(text)}
