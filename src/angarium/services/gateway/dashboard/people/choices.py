"""Converts preferences to a form and back. It has a checkbox for each channel, and for each category and channel."""

from collections.abc import Mapping, Sequence
from typing import Any

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel

CHANNELS = tuple(channel.value for channel in Channel)
NEW_CATEGORY = "new_category"
_TICKED = "on"


def shown(preferences: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of the form: the state of each channel, of each category by channel, and the quiet hours."""
    categories = preferences.get("categories", {})
    return {
        "channels": [_box(name, name, preferences.get(name) is not False) for name in CHANNELS],
        "categories": [
            {
                "name": category,
                "boxes": [_box(f"{category}/{name}", name, switches.get(name) is not False) for name in CHANNELS],
            }
            for category, switches in sorted(categories.items())
        ],
        "quiet_hours": preferences.get("quiet_hours"),
    }


def patch_of(preferences: Mapping[str, Any], form: Mapping[str, str]) -> Mapping[str, Any]:
    """The changes in a form that was shown with `preferences`. Unchanged preferences are left out.

    `form` has the value `on` for each ticked box. Raises ValidationFailed if only one end of the quiet hours is given.
    """
    patch: dict[str, Any] = {box["channel"]: not box["on"] for box in _changed(shown(preferences)["channels"], form)}
    categories = {
        row["name"]: {box["channel"]: not box["on"] for box in changed}
        for row in shown(preferences)["categories"]
        if (changed := _changed(row["boxes"], form))
    }
    new = form.get(NEW_CATEGORY)
    if new is not None:
        categories[new] = {name: form.get(f"{NEW_CATEGORY}/{name}") == _TICKED for name in CHANNELS}
    if categories:
        patch["categories"] = categories
    hours = _quiet_hours(form)
    if hours != preferences.get("quiet_hours"):
        patch["quiet_hours"] = hours
    return patch


def _box(name: str, channel: str, on: bool) -> Mapping[str, Any]:
    return {"name": name, "channel": channel, "on": on}


def _changed(boxes: Sequence[Mapping[str, Any]], form: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return [box for box in boxes if box["on"] is not (form.get(box["name"]) == _TICKED)]


def _quiet_hours(form: Mapping[str, str]) -> Mapping[str, str] | None:
    start, end = form.get("quiet_start"), form.get("quiet_end")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise ValidationFailed.of("quiet_hours", "needs a start and an end; leave both empty for none")
    return {"start": start, "end": end}
