"""Preferences as a form."""

from typing import Any

import pytest

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.preferences import PreferencesAmend
from angarium.services.gateway.dashboard.people.choices import CHANNELS, patch_of, shown

PREFERENCES: dict[str, Any] = {
    "email": True,
    "push": True,
    "sms": False,
    "webhook": True,
    "categories": {"marketing": {"email": False}, "news": {"sms": True}},
    "quiet_hours": {"start": "22:00", "end": "07:00"},
}


def form(preferences: dict[str, Any], **changes: str | None) -> dict[str, str]:
    """What a browser sends of the form as it was shown, with changes; None takes a field away."""
    rows = [shown(preferences)["channels"], *(row["boxes"] for row in shown(preferences)["categories"])]
    sent: dict[str, str | None] = {box["name"]: "on" for row in rows for box in row if box["on"]}
    hours = preferences["quiet_hours"]
    if hours is not None:
        sent |= {"quiet_start": hours["start"], "quiet_end": hours["end"]}
    return {name: value for name, value in {**sent, **changes}.items() if value is not None}


def test_a_form_that_is_not_changed_changes_nothing() -> None:
    assert patch_of(PREFERENCES, form(PREFERENCES)) == {}


@pytest.mark.parametrize(
    ("changes", "patch"),
    [
        ({"email": None}, {"email": False}),
        ({"sms": "on"}, {"sms": True}),
        ({"marketing/email": "on"}, {"categories": {"marketing": {"email": True}}}),
        ({"news/push": None, "news/sms": None}, {"categories": {"news": {"push": False, "sms": False}}}),
        ({"quiet_start": None, "quiet_end": None}, {"quiet_hours": None}),
        ({"quiet_end": "06:30"}, {"quiet_hours": {"start": "22:00", "end": "06:30"}}),
        (
            {"new_category": "alerts", "new_category/email": "on"},
            {"categories": {"alerts": {"email": True, "push": False, "sms": False, "webhook": False}}},
        ),
    ],
)
def test_only_what_differs_is_changed(changes: dict[str, str | None], patch: dict[str, Any]) -> None:
    made = patch_of(PREFERENCES, form(PREFERENCES, **changes))
    assert made == patch
    PreferencesAmend.model_validate(made)


@pytest.mark.parametrize("missing", ["quiet_start", "quiet_end"])
def test_half_of_quiet_hours_is_refused(missing: str) -> None:
    with pytest.raises(ValidationFailed):
        patch_of(PREFERENCES, form(PREFERENCES, **{missing: None}))


def test_every_channel_has_a_box_in_every_row() -> None:
    rows = shown({**PREFERENCES, "quiet_hours": None})
    assert [box["channel"] for box in rows["channels"]] == list(CHANNELS)
    assert [len(row["boxes"]) for row in rows["categories"]] == [len(CHANNELS)] * 2
