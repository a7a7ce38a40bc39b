"""The history of one notification, as observed at the servers and providers."""

from dataclasses import dataclass, field
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.delivery.outcome import Outcome


@dataclass(eq=False)
class Send:
    """One provider call. `taken`: whether the provider sent the message, independent of its answer."""

    process: str
    provider: str
    begun: float
    claim: "Claim | None"
    taken: bool = False
    outcome: Outcome | None = None
    answered: float | None = None


@dataclass(eq=False)
class Claim:
    """One granted claim. `ended`: the status recorded with its token."""

    token: UUID
    process: str
    at: float
    until: float
    sends: list[Send] = field(default_factory=list)
    ended: Status | None = None


@dataclass(eq=False)
class Story:
    """History. `attempts`: those that must be counted. `copies`: existing messages. `excuses`: allowed extra copies.

    `not_before`: when it may be claimed again. `only`: the provider that may already have the message.
    """

    id: UUID
    at_most_once: bool = False
    expires: bool = False
    user_id: UUID | None = None
    accepted: bool = False
    status: Status | None = None
    attempts: int = 0
    claims: list[Claim] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    holder: Claim | None = None
    not_before: float = 0.0
    not_sent_before: float = 0.0
    only: str | None = None
    routed: int = 0
    published_at: float | None = None
    """When it was published from the outbox; None once the outbox row is deleted."""
    copies: int = 0
    excuses: int = 0
    letters: int = 0
