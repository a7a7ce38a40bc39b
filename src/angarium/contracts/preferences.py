"""Preferences in requests and answers, and which fields of a body count as given."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from angarium.contracts.fields import Body, Category, Change, Flag

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
READ_ONLY = frozenset({"user_id", "id", "created_at", "updated_at"})
"""Fields of a user that a client may send back but not change."""


def without_read_only(value: object) -> object:
    """A body without the read-only fields of a user."""
    if not isinstance(value, Mapping):
        return value
    return {name: field for name, field in value.items() if name not in READ_ONLY}


def without_nulls(value: object) -> object:
    """A body without members that are null, at any depth."""
    if not isinstance(value, Mapping):
        return value
    return {name: without_nulls(field) for name, field in value.items() if field is not None}


def with_given_preferences(value: object) -> object:
    """A user's body without nulls in `preferences`."""
    if not isinstance(value, Mapping) or "preferences" not in value:
        return value
    return {**value, "preferences": without_nulls(value["preferences"])}


def unwrapped_preferences(value: object) -> object:
    """The preferences of a body: the body itself, or its member `preferences`."""
    fields = without_read_only(value)
    if isinstance(fields, Mapping) and fields.keys() == {"preferences"}:
        return fields["preferences"]
    return fields


class QuietHoursBody(Body):
    """Quiet hours in a request."""

    start: TimeOfDay
    end: TimeOfDay


class SwitchesBody(Change):
    """A category's switches in a request. Omitted switches do not change."""

    email: Flag | None = None
    push: Flag | None = None
    sms: Flag | None = None
    webhook: Flag | None = None


class PreferencesPatch(Change):
    """Changes of preferences; omitted fields do not change.

    null removes a category's switch, a category, all categories or the quiet hours, so that they no longer block
    anything. A channel is true or false, never null.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"sms": False}]})

    email: Flag | None = None
    push: Flag | None = None
    sms: Flag | None = None
    webhook: Flag | None = None
    categories: dict[Category, SwitchesBody | None] | None = None
    quiet_hours: QuietHoursBody | None = None


class PreferencesAmend(PreferencesPatch):
    """`PATCH /users/{user_id}/preferences`: as `PreferencesPatch`.

    Also taken: the same object inside `{"preferences": {…}}`, and the read-only fields of a user, which are ignored.
    """

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, value: Any) -> Any:
        return unwrapped_preferences(value)


class PreferencesPut(PreferencesPatch):
    """`PUT /users/{user_id}/preferences`: omitted and null fields do not change.

    Also taken: the same object inside `{"preferences": {…}}`, and the read-only fields of a user, which are ignored.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": True,
                    "push": True,
                    "sms": False,
                    "webhook": True,
                    "categories": {"marketing": {"email": False}},
                    "quiet_hours": {"start": "22:00", "end": "07:00"},
                }
            ]
        }
    )

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, value: Any) -> Any:
        return without_nulls(unwrapped_preferences(value))


class PreferencesView(BaseModel):
    """`GET /users/{user_id}/preferences`; a category has only the channels that were set."""

    email: bool
    push: bool
    sms: bool
    webhook: bool
    categories: dict[str, dict[str, bool]]
    quiet_hours: QuietHoursBody | None
