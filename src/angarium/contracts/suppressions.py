"""The suppression list: addresses that receive no messages, with the reason."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.addresses import email_address, phone_number
from angarium.contracts.fields import Body, InstantField, Timestamp, field_error
from angarium.contracts.statuses import Channel

SUPPRESSIBLE = frozenset({Channel.EMAIL, Channel.SMS})
"""Channels whose addresses can be suppressed. A dead push token is removed from its user instead."""
ADDRESS_LENGTH = 320
SOURCE_LENGTH = 100
SuppressibleChannel = Literal[Channel.EMAIL, Channel.SMS]
Source = Annotated[
    str, StringConstraints(min_length=1, max_length=SOURCE_LENGTH, pattern=r"^[A-Za-z0-9][^\x00-\x1f\x7f]*$")
]


class SuppressionReason(StrEnum):
    """Why an address is suppressed. Each reason is a separate entry; one is enough."""

    HARD_BOUNCE = "hard_bounce"  # a provider reported that the address does not exist
    SOFT_BOUNCE = "soft_bounce"  # five bounces in a row
    COMPLAINT = "complaint"  # the recipient reported a message as spam
    OPT_OUT = "opt_out"  # the recipient asked for no more messages
    MANUAL = "manual"  # an operator added it


class SuppressionView(BaseModel):
    """One entry of the suppression list."""

    id: UUID = Field(description="The entry.")
    channel: SuppressibleChannel = Field(description="The channel by which the address gets nothing.")
    address: str | None = Field(description="Null once the user was erased: a keyed hash of the address still counts.")
    reason: SuppressionReason = Field(description="Why the address gets nothing.")
    source: str = Field(description="Who reported it: a provider's name, `api`, `import`, or a word of the caller.")
    created_at: Timestamp
    expires_at: Timestamp | None = Field(description="The entry has no effect from then on; null: no end.")


class SuppressionCreate(Body):
    """`POST /api/v1/suppressions`: adds an entry, or updates the one with this channel, address and reason."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"channel": "email", "address": "no-more@example.com", "reason": "opt_out", "source": "crm"}]
        }
    )

    channel: SuppressibleChannel = Field(description="The channel by which the address is to get nothing.")
    address: Annotated[str, StringConstraints(min_length=1, max_length=ADDRESS_LENGTH)] = Field(
        description="An email address, or a phone number with its country code."
    )
    reason: SuppressionReason = Field(default=SuppressionReason.MANUAL, description="Why.")
    source: Source = Field(default="api", description="Who says so.")
    expires_at: InstantField | None = Field(
        default=None, description="The entry has no effect from then on; null: no end."
    )

    @model_validator(mode="after")
    def _address_is_right(self) -> "SuppressionCreate":
        try:
            self.address = suppressible_address(self.channel, self.address)
        except ValueError:
            raise field_error("address", not_an_address(self.channel)) from None
        return self


class ImportFault(BaseModel):
    """A line of an imported file that was not added."""

    line: int = Field(description="Number of the line, from 1, the headings included.")
    field: str = Field(description="The column.")
    message: str = Field(description="What is wrong with it.")


class SuppressionImport(BaseModel):
    """The result of an import."""

    added: int = Field(description="New entries.")
    changed: int = Field(description="Entries that were there before.")
    refused: int = Field(description="Lines that were not added.")
    faults: list[ImportFault] = Field(description="The first 100 faults.")


def suppressible_address(channel: Channel, address: str) -> str:
    """Validate `address` and return the form to send to. Raises ValueError, without quoting it."""
    match channel:
        case Channel.EMAIL:
            return email_address(address)
        case Channel.SMS:
            return phone_number(address)
        case Channel.PUSH | Channel.WEBHOOK:
            message = f"addresses of {channel} cannot be suppressed"
            raise ValueError(message)


def not_an_address(channel: Channel) -> str:
    """The error message for an invalid address of `channel`."""
    match channel:
        case Channel.EMAIL:
            return "must be an email address"
        case Channel.SMS:
            return "must be a phone number with its country code, such as +14155550123 (E.164)"
        case Channel.PUSH | Channel.WEBHOOK:
            return f"addresses of {channel} cannot be suppressed"
