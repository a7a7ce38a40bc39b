"""Configured providers and their circuit breakers, for operators."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from angarium.contracts.fields import Body, Timestamp
from angarium.contracts.statuses import Channel

_NAMESPACE = UUID("6f0c3d1e-6a0b-5f5e-9a57-0f6f3a5f7c11")


class BreakerState(StrEnum):
    """The state of a provider's circuit breaker, with its transitions."""

    CLOSED = "closed"  # messages are sent → open, after too many faults
    OPEN = "open"  # no message is sent → half_open, once the pause has ended
    HALF_OPEN = "half_open"  # one message is sent as a probe → closed or open, depending on its outcome


class SenderState(StrEnum):
    """Whether marketing is sent through a provider, with the transitions."""

    ACTIVE = "active"  # everything is sent → paused, when the bounce or complaint rate is too high
    PAUSED = "paused"  # marketing waits or uses another provider → active, when the rates are well below the limits


class ReputationView(BaseModel):
    """The outcomes of a provider's sends in the last 24 hours, and whether its marketing is paused."""

    state: SenderState
    forced: bool = Field(description="Whether an operator has set the state.")
    reason: str | None = Field(description="Why it was paused; null while it is active.")
    changed_at: Timestamp | None = Field(description="When the state changed last.")
    sends: int = Field(description="Messages that the provider took, or refused for good because of the address.")
    bounces: int = Field(description="Hard bounces: refused by the provider, or reported by its webhooks.")
    complaints: int = Field(description="Complaints that its webhooks report.")
    bounce_rate: float | None = Field(description="Share of bounces among the sends; null without sends.")
    complaint_rate: float | None = Field(description="Share of complaints among the sends; null without sends.")


class ProviderView(BaseModel):
    """`GET /api/v1/providers`: one configured provider."""

    provider_id: UUID
    name: str
    provider: str = Field(description="The technology: the scheme of its URL.")
    channel: Channel
    position: int = Field(description="Its place in the order of preference, from 1.")
    breaker: BreakerState
    error_rate: float | None = Field(
        description="Share of provider faults among the answers of the last 30 s, over all workers; null without any."
    )
    rate: float | None = Field(description="Sends per second, over all workers; null without a limit.")
    weight: int | None
    forced: bool = Field(description="Whether an operator has set the breaker.")
    reason: str | None = Field(description="Why the breaker opened last; null while it is closed.")
    changed_at: Timestamp | None = Field(description="When the breaker changed its state last.")
    opened_at: Timestamp | None = Field(description="Since when the breaker is not closed; null while it is.")
    workers: int = Field(description="Running workers that have it configured.")
    reputation: ReputationView


class BreakerChange(Body):
    """`POST /api/v1/providers/{provider_id}/breaker`; `auto` returns control of the breaker to the workers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "auto"}]})

    state: Literal["open", "closed", "auto"]


class ReputationChange(Body):
    """`POST /api/v1/providers/{provider_id}/reputation`.

    `paused` and `active` stay in effect until they are changed. `auto` returns control to the workers: it ends a pause
    and resets the counts.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "auto"}]})

    state: Literal["paused", "active", "auto"] = Field(
        description="`paused`: no marketing; `active`: marketing, whatever the rates; `auto`: as the rates say."
    )


class ProviderTest(Body):
    """`POST /api/v1/providers/{provider_id}/test`: send a test message through exactly this provider.

    `to` is an address of the provider's channel: an email address, a phone number (E.164), a URL, or a push token of
    the provider's platform.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "ada@example.com"}]})

    to: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


def provider_id_of(channel: Channel, name: str) -> UUID:
    """The id of the provider named `name`, which is the same in every process and after every restart."""
    return uuid5(_NAMESPACE, f"{channel}/{name}")
