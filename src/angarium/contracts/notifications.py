"""The bodies of the sending API."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.addresses import (
    URL_LENGTH,
    Network,
    email_address,
    endpoint_url,
    phone_number,
)
from angarium.contracts.attachments import MOST_FILES, Attachment, AttachmentView
from angarium.contracts.email_fields import EmailFields
from angarium.contracts.fields import (
    EMAIL_FORMAT,
    HIGHEST_VERSION,
    URL_FORMAT,
    Body,
    Category,
    InstantField,
    Locale,
    Metadata,
    RequestId,
    StrictCount,
    TemplateCode,
    Timestamp,
    field_error,
)
from angarium.contracts.push_fields import PushFields
from angarium.contracts.push_tokens import push_token
from angarium.contracts.statuses import ADDRESS_FIELD, ADDRESS_NAMES, Channel, DeliveryStatus, Status

BULK_LIMIT = 1000
URGENT_PRIORITY = 8
"""The lowest priority that uses the urgent lane."""
DEFAULT_PRIORITY = 5

_CHANNELS = tuple(Channel)
_ONE_TARGET = "exactly one of user_id or recipient is required"

Text = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]


class Recipient(Body):
    """A recipient who is not a stored user, with the address of each channel that is tried.

    At least one address is required.
    """

    email: Annotated[str, StringConstraints(min_length=1, max_length=320), EMAIL_FORMAT] | None = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    push_token: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    webhook: Annotated[str, StringConstraints(min_length=1, max_length=URL_LENGTH)] | None = None
    name: Text | None = None
    locale: Locale | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if all(self.address(channel) is None for channel in _CHANNELS):
            raise field_error("email", f"one of {ADDRESS_NAMES} is required")
        return self

    def address(self, channel: Channel) -> str | None:
        """This recipient's address for `channel`."""
        address: str | None = getattr(self, ADDRESS_FIELD[channel])
        return address


_ADDRESS_RULES: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "email": email_address,
        "phone": phone_number,
        "push_token": partial(push_token, "fcm"),
        "webhook": endpoint_url,
    }
)


def address_faults(recipient: Mapping[str, Any], allowed: Sequence[Network] | None = None) -> Iterator[tuple[str, str]]:
    """The name of each invalid address in `recipient`, with the reason. `allowed`: see `endpoint_url`."""
    for name, rule in _ADDRESS_RULES.items():
        value = recipient.get(name)
        if isinstance(value, str):
            try:
                if name == ADDRESS_FIELD[Channel.WEBHOOK]:
                    endpoint_url(value, allowed)
                else:
                    rule(value)
            except ValueError as error:
                yield name, str(error)


class NotificationRequest(Body):
    """`POST /api/v1/notifications`: whom to notify, how, with which template and variables.

    Exactly one of `user_id` and `recipient` is required. A `recipient` needs an address for `notification_type` and for
    each channel of `fallback`. `email`, `push` and `attachments` require their channel, as `notification_type` or as a
    fallback; attachments have at most 10 MB in total. `send_at` is at most a minute in the past; `expires_at` is in the
    future and after `send_at`; both are within ten years.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "notification_type": "email",
                    "recipient": {"email": "john@example.com", "name": "John"},
                    "template_code": "_verification",
                    "variables": {"username": "john", "verification_link": "https://example.com/verify?token=abc"},
                    "request_id": "signup-42",
                    "metadata": {"signup": 42},
                }
            ]
        }
    )

    notification_type: Channel
    user_id: UUID | None = None
    recipient: Recipient | None = None
    template_code: TemplateCode
    variables: dict[str, Any] = Field(default_factory=dict)
    request_id: RequestId | None = None
    priority: Annotated[StrictCount, Field(ge=1, le=10)] = DEFAULT_PRIORITY
    metadata: Metadata = Field(default_factory=dict)
    locale: Locale | None = None
    template_version: Annotated[StrictCount, Field(ge=1, le=HIGHEST_VERSION)] | None = None
    category: Category | None = None
    send_at: InstantField | None = None
    expires_at: InstantField | None = None
    callback_url: Annotated[str, StringConstraints(max_length=2048), URL_FORMAT] | None = None
    fallback: Annotated[list[Channel], Field(max_length=3)] = Field(default_factory=list)
    attachments: Annotated[list[Attachment], Field(max_length=MOST_FILES)] | None = None
    email: EmailFields | None = None
    push: PushFields | None = None

    @property
    def owner(self) -> str | None:
        """The stored owner of the notification."""
        return None if self.user_id is None else str(self.user_id)

    @property
    def callback_target(self) -> str | None:
        """The stored form of `callback_url`."""
        return self.callback_url

    @property
    def through(self) -> Mapping[str, str] | None:
        """The stored form of the only provider to use (`provider`, `platform` of a push token).

        Callers cannot set it.
        """
        return None

    @classmethod
    def further_faults(cls, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        user_id, recipient = content.get("user_id"), content.get("recipient")
        if (user_id is None) == (recipient is None):
            yield "user_id", _ONE_TARGET
        if isinstance(recipient, Mapping):
            yield from ((f"recipient.{name}", message) for name, message in address_faults(recipient))
            fallback = content.get("fallback")
            for channel in (content.get("notification_type"), *(fallback if isinstance(fallback, list) else ())):
                if channel in _CHANNELS and recipient.get(ADDRESS_FIELD[Channel(channel)]) is None:
                    yield f"recipient.{ADDRESS_FIELD[Channel(channel)]}", f"required to notify by {channel}"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.user_id is None) == (self.recipient is None):
            raise field_error("user_id", _ONE_TARGET)
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.recipient is not None:
            for channel in (self.notification_type, *self.fallback):
                if self.recipient.address(channel) is None:
                    raise field_error(f"recipient.{ADDRESS_FIELD[channel]}", f"required to notify by {channel}")
        return self


class BulkRequest(Body):
    """Up to 1,000 complete notifications, or one template for many recipients.

    Exactly one of `notifications` and `recipients` is required; `recipients` also require `notification_type` and
    `template_code`. Items are validated separately, so that an invalid one does not affect the others.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "notification_type": "email",
                    "template_code": "_verification",
                    "recipients": [
                        {
                            "recipient": {"email": "john@example.com"},
                            "variables": {
                                "username": "john",
                                "verification_link": "https://example.com/verify?token=abc",
                            },
                            "request_id": "signup-43",
                        }
                    ],
                }
            ]
        }
    )

    notifications: Annotated[list[Any], Field(min_length=1, max_length=BULK_LIMIT)] | None = None
    notification_type: Channel | None = None
    template_code: TemplateCode | None = None
    recipients: Annotated[list[Any], Field(min_length=1, max_length=BULK_LIMIT)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.notifications is None) == (self.recipients is None):
            raise field_error("notifications", "exactly one of notifications or recipients is required")
        if self.recipients is not None and self.notification_type is None:
            raise field_error("notification_type", "required with recipients")
        if self.recipients is not None and self.template_code is None:
            raise field_error("template_code", "required with recipients")
        return self


class Reason(BaseModel):
    """Why a notification ended without being sent."""

    code: str
    message: str


class NotificationView(BaseModel):
    """`GET /api/v1/notifications/{id}`."""

    notification_id: UUID
    request_id: str
    notification_type: Channel
    user_id: str | None
    recipient: dict[str, Any] | None
    template_code: str
    template_version: int
    locale: str
    category: str | None
    priority: int
    status: Status
    delivery_status: DeliveryStatus
    reason: Reason | None
    attempts: int
    provider: str | None
    provider_message_id: str | None
    variables: dict[str, Any]
    metadata: dict[str, Any]
    email: dict[str, Any] | None = None
    push: dict[str, Any] | None = None
    attachments: list[AttachmentView] = Field(default_factory=list)
    correlation_id: str
    fallback: list[Channel]
    fallback_of: UUID | None
    send_at: Timestamp | None
    expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    sent_at: Timestamp | None
    delivered_at: Timestamp | None
    test: bool = False


class Decision(BaseModel):
    """One check of a notification, with its result as a code and as a sentence."""

    check: str
    result: str
    detail: str


class Why(BaseModel):
    """`GET /api/v1/notifications/{id}/why`: an explanation of the current status in plain English."""

    summary: str
    decisions: list[Decision]


class ResolveRequest(Body):
    """`POST /api/v1/notifications/{id}/resolve`: an operator resolves an unknown outcome."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"as": "retry"}]})

    as_: Annotated[Literal["sent", "failed", "retry"], Field(alias="as")]
