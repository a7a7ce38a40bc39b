"""The bodies of the users service, public and internal."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.addresses import (
    URL_LENGTH,
    canonical_email,
    endpoint_url,
    known_timezone,
    phone_number,
)
from angarium.contracts.fields import EMAIL_FORMAT, Body, Change, Flag, Locale, Metadata, Timestamp, field_error
from angarium.contracts.preferences import PreferencesPatch, with_given_preferences, without_nulls, without_read_only
from angarium.contracts.statuses import ADDRESS_FIELD, ADDRESS_NAMES

Platform = Literal["fcm", "apns", "webpush", "onesignal"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(canonical_email), EMAIL_FORMAT]
Phone = Annotated[str, StringConstraints(max_length=32), AfterValidator(phone_number)]
Webhook = Annotated[str, StringConstraints(max_length=URL_LENGTH), AfterValidator(endpoint_url)]
Timezone = Annotated[str, StringConstraints(max_length=64), AfterValidator(known_timezone)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Quiet hours (`HH:MM`) in the user's time zone. They may cross midnight."""

    start: str
    end: str


class ChannelSwitches(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Channel switches of a category. An omitted channel uses the user's switch for that channel."""

    email: Flag | None = None
    push: Flag | None = None
    sms: Flag | None = None
    webhook: Flag | None = None


class Preferences(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All preferences of a user."""

    email: Flag = True
    push: Flag = True
    sms: Flag = True
    webhook: Flag = True
    categories: Mapping[str, ChannelSwitches] = msgspec.field(default_factory=dict)
    quiet_hours: QuietHours | None = None


class UserCreate(Body):
    """`POST /users`; null is the same as omitted. At least one address is required."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "John Doe",
                    "email": "john@example.com",
                    "phone": "+14155550123",
                    "locale": "en",
                    "timezone": "Europe/Paris",
                }
            ]
        }
    )

    name: Name
    email: Email | None = None
    phone: Phone | None = None
    push_token: Token | None = None
    webhook: Webhook | None = None
    password: Annotated[str, StringConstraints(min_length=8, max_length=1024)] | None = Field(default=None, repr=False)
    preferences: PreferencesPatch | None = None
    locale: Locale | None = None
    timezone: Timezone | None = None
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _given_preferences(cls, value: Any) -> Any:
        return with_given_preferences(value)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if all(getattr(self, name) is None for name in ADDRESS_FIELD.values()):
            raise field_error("email", f"one of {ADDRESS_NAMES} is required")
        return self


class UserPatch(Change):
    """`PATCH /users/{user_id}`: omitted fields do not change; read-only fields are ignored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"phone": "+14155550123", "preferences": {"sms": False}}]}
    )

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    push_token: Token | None = None
    webhook: Webhook | None = None
    password: Annotated[str, StringConstraints(min_length=8, max_length=1024)] | None = Field(default=None, repr=False)
    preferences: PreferencesPatch | None = None
    locale: Locale | None = None
    timezone: Timezone | None = None
    metadata: Metadata | None = None

    @model_validator(mode="before")
    @classmethod
    def _writable(cls, value: Any) -> Any:
        return without_read_only(value)


class UserPut(UserPatch):
    """`PUT /users/{user_id}`: omitted fields do not change, so the body of a GET can be sent back.

    null removes an address, the locale or the timezone. In `preferences` it is ignored.
    """

    @model_validator(mode="before")
    @classmethod
    def _writable(cls, value: Any) -> Any:
        fields = without_read_only(value)
        if not isinstance(fields, Mapping) or "preferences" not in fields:
            return fields
        kept = {name: field for name, field in fields.items() if name != "preferences"}
        wishes = without_nulls(fields["preferences"])
        return kept if wishes is None else {**kept, "preferences": wishes}


class PreferenceSwitches(BaseModel):
    """Whether each channel is enabled, as shown in a user."""

    email: bool
    push: bool
    sms: bool
    webhook: bool


class UserView(BaseModel):
    """`GET /users/{user_id}`; `id` equals `user_id`."""

    user_id: UUID
    id: UUID
    name: str
    email: str | None
    phone: str | None
    push_token: str | None
    webhook: str | None
    preferences: PreferenceSwitches
    locale: str | None
    timezone: str | None
    metadata: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class DeviceCreate(Body):
    """`POST /users/{user_id}/devices`; for `webpush` the token is the browser's subscription object."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"platform": "fcm", "token": "token123", "name": "Pixel"}]}
    )

    platform: Platform
    token: Token | dict[str, Any]
    name: Name | None = None


class DeviceView(BaseModel):
    """A device that receives pushes."""

    device_id: UUID
    platform: Platform
    token: str | dict[str, Any]
    name: str | None
    created_at: Timestamp


class ContactDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device as used by workers."""

    device_id: UUID
    platform: Platform
    token: str | dict[str, Any]


class Contact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The data of a user that a send needs. Cached as `user:preferences:{user_id}`."""

    user_id: UUID
    name: str
    email: str | None
    phone: str | None
    devices: Sequence[ContactDevice]
    locale: str | None
    timezone: str | None
    preferences: Preferences
    webhook: str | None = None


GONE = 2**31 - 1
"""The version of a deleted user: above every version that a user can reach."""


MOST_CONTACTS = 1000
"""Users in one ContactQuery."""


class ContactQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """`POST /internal/v1/contacts`: many users at once (service token only).

    `user_ids` belong to the caller's tenant, `of_tenants` to the named tenants; at most 1,000 in total.
    """

    user_ids: Annotated[list[UUID], msgspec.Meta(max_length=1000)] = []
    of_tenants: dict[str, list[UUID]] = {}

    def __post_init__(self) -> None:
        if sum(map(len, self.of_tenants.values())) > MOST_CONTACTS:
            message = f"of_tenants names more than {MOST_CONTACTS} users"
            raise ValueError(message)


class ContactAnswer(msgspec.Struct, frozen=True, gc=False):
    """Current contacts, in no particular order. Ids without a user in this tenant are omitted."""

    contacts: Sequence[Contact]


class DeadDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A device whose push token a provider has reported as dead."""

    user_id: UUID
    device_id: UUID


class DeadDeviceReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """`POST /internal/v1/dead-devices`: remove these devices of the tenant's users (service token only)."""

    devices: Annotated[list[DeadDevice], msgspec.Meta(max_length=1000)]


class ErasureRequest(Body):
    """`POST /internal/v1/erasures` of the gateway: this user was deleted (service token only)."""

    user_id: UUID


class ErasureAnswer(BaseModel):
    """The number of the user's sends and callbacks in progress: repeat the erasure once they have ended.

    `done`: False, with status 202, while the erasure is running; repeat the call to get the end. `age`: seconds since
    the pass started that this answer is about.
    """

    sending: int
    done: bool = True
    age: float = 0.0


class ContactVersions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """`POST /internal/v1/contact-versions` of the gateway: versions that users have reached (service token only)."""

    versions: Annotated[dict[UUID, Annotated[int, msgspec.Meta(ge=1, le=GONE)]], msgspec.Meta(max_length=1000)]


class ImportFault(BaseModel):
    """The error of one row of an import."""

    line: int
    field: str
    message: str


class ImportView(BaseModel):
    """`GET /users/imports/{import_id}`: progress of an import. `errors` holds the first 1,000."""

    import_id: UUID
    status: Literal["running", "finished", "interrupted"]
    total: int
    processed: int
    created: int
    updated: int
    failed: int
    errors: list[ImportFault]
    created_at: Timestamp
    updated_at: Timestamp
