"""The values that pass through the engine, from a delivery to its settling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from angarium.contracts.templates import CompiledTemplate
from angarium.delivery.provider import Address
from angarium.notifications.model import Claimed, NewDeadLetter, Result
from angarium.platform.broker.port import Consumer, Delivery
from angarium.rendering.content import Content


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """The unacknowledged deliveries that speak of one notification; they are settled together."""

    notification_id: UUID
    deliveries: tuple[Delivery, ...]
    consumer: Consumer


@dataclass(frozen=True, slots=True, eq=False)
class Poison:
    """A delivery that is no work of ours, with the dead letter that tells so."""

    delivery: Delivery
    letter: NewDeadLetter


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch of deliveries, sorted by what they are."""

    carriers: dict[UUID, Carrier]
    poison: Sequence[Poison]


@dataclass(frozen=True, slots=True)
class Ready:
    """Decided, addressed and rendered: only the provider is left."""

    claimed: Claimed
    addresses: tuple[Address, ...]
    content: Content
    delays: Sequence[timedelta]


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A claim whose result is to be recorded, and the carrier to settle after that."""

    carrier: Carrier
    claimed: Claimed
    result: Result


@dataclass(frozen=True, slots=True)
class Unrendered:
    """A claim whose template takes too long to be rendered on the way: its own task does it, and waits alone."""

    claimed: Claimed
    template: CompiledTemplate
    addresses: tuple[Address, ...]
    delays: Sequence[timedelta]


Step = Ready | Unrendered | Result
"""What preparation makes of a claim."""
