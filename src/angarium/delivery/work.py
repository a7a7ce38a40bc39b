"""The values that pass through the engine, from a delivery to its settling."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact
from angarium.delivery.provider import Address
from angarium.notifications.model import Claimed, Event, NewDeadLetter, Result
from angarium.notifications.options import File
from angarium.platform.broker.port import Consumer, Delivery
from angarium.rendering.content import Content


class Carrier(msgspec.Struct, frozen=True, eq=False):
    """The unacknowledged deliveries that speak of one notification; they are settled together.

    `routing_key`: the key of our own that brings them again. Theirs may be another program's, which no queue is
    bound with.
    """

    notification_id: UUID
    deliveries: tuple[Delivery, ...]
    consumer: Consumer
    routing_key: str


class Poison(msgspec.Struct, frozen=True, eq=False):
    """A delivery that is no work of ours, with the dead letter that tells so."""

    delivery: Delivery
    letter: NewDeadLetter


Person = tuple[str, UUID]
"""A stored user: tenant and id."""
People = Mapping[Person, Contact | None]
"""Contacts as they are now; None: there is no such user. One that is missing: unknown."""


class Asked(msgspec.Struct, frozen=True):
    """What the directory said, and when it was asked (monotonic seconds)."""

    at: float
    contacts: People


class Sorted(msgspec.Struct, frozen=True):
    """A batch of deliveries, sorted by what they are. `people`: whom the messages speak of; the record may differ."""

    carriers: dict[UUID, Carrier]
    poison: Sequence[Poison]
    people: frozenset[Person] = frozenset()


class Ready(msgspec.Struct, frozen=True):
    """Decided, addressed and rendered: only the provider is left. `asked`: as in `Asked.at`, of its contact.

    `notes`: events that the timeline shows before the attempt's. `files`: the attachments, just before the send.
    """

    claimed: Claimed
    addresses: tuple[Address, ...]
    content: Content
    delays: Sequence[timedelta]
    asked: float
    notes: tuple[Event, ...] = ()
    files: tuple[File, ...] = ()


class Finished(msgspec.Struct, frozen=True, eq=False):
    """A claim whose result is to be recorded, the carrier to settle after that, and what to do once both are done."""

    carrier: Carrier
    claimed: Claimed
    result: Result
    settled: Callable[[], None]


class Unrendered(msgspec.Struct, frozen=True):
    """A claim whose template takes too long to be rendered on the way: its own task does it, and waits alone."""

    claimed: Claimed
    template: CompiledTemplate
    addresses: tuple[Address, ...]
    delays: Sequence[timedelta]
    asked: float
    notes: tuple[Event, ...] = ()


Step = Ready | Unrendered | Result
"""What preparation makes of a claim."""
