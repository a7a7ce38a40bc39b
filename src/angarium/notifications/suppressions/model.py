"""Entries of the suppression list as values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason

SOFT_BOUNCES = 5
"""Consecutive soft bounces that suppress an address."""


class Target(NamedTuple):
    """A tenant's recipient address, in the form to send to (`suppressible_address`)."""

    tenant: str
    channel: Channel
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSuppression:
    """A new entry. `user_id`: the stored user with this address; their erasure removes the clear text."""

    target: Target = field(repr=False)
    reason: SuppressionReason
    source: str
    expires_at: datetime | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An entry of the list. `address` is None once the user was erased."""

    id: UUID
    tenant: str
    channel: Channel
    address: str | None = field(repr=False)
    reason: SuppressionReason
    source: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an address is suppressed, without the address."""

    reason: SuppressionReason
    source: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """The number of new and of existing entries of a batch."""

    new: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionFilter:
    """A filter of entries; None matches any."""

    channel: Channel | None = None
    address: str | None = field(default=None, repr=False)
    reason: SuppressionReason | None = None
