"""Values that pass through the engine, from a delivery to its settlement."""

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
    """The unacknowledged deliveries of one notification, which are settled together.

    `routing_key`: our own key for redelivery. Theirs may come from another program and match no queue.
    """

    notification_id: UUID
    deliveries: tuple[Delivery, ...]
    consumer: Consumer
    routing_key: str


class Poison(msgspec.Struct, frozen=True, eq=False):
    """A delivery that is malformed or foreign, with its dead letter."""

    delivery: Delivery
    letter: NewDeadLetter


Person = tuple[str, UUID]
"""A stored user: tenant and id."""
People = Mapping[Person, Contact | None]
"""Current contacts; None: there is no such user. Users that could not be looked up are omitted."""


class Asked(msgspec.Struct, frozen=True):
    """A directory look-up's result and time (monotonic seconds)."""

    at: float
    contacts: People


class Sorted(msgspec.Struct, frozen=True):
    """A sorted batch of deliveries. `people`: the users named in the messages; the record may differ."""

    carriers: dict[UUID, Carrier]
    poison: Sequence[Poison]
    people: frozenset[Person] = frozenset()


class Ready(msgspec.Struct, frozen=True):
    """A notification that is ready to send: checked, addressed and rendered. `asked`: `Asked.at` of its contact.

    `notes`: events that precede the attempt's in the timeline. `files`: the attachments, loaded just before the send.
    """

    claimed: Claimed
    addresses: tuple[Address, ...]
    content: Content
    delays: Sequence[timedelta]
    asked: float
    notes: tuple[Event, ...] = ()
    files: tuple[File, ...] = ()


class Finished(msgspec.Struct, frozen=True, eq=False):
    """A claim with its result to record, the carrier to settle afterwards, and a callback once both are done."""

    carrier: Carrier
    claimed: Claimed
    result: Result
    settled: Callable[[], None]


class Unrendered(msgspec.Struct, frozen=True):
    """A claim with a slow template, which is rendered in its own task."""

    claimed: Claimed
    template: CompiledTemplate
    addresses: tuple[Address, ...]
    delays: Sequence[timedelta]
    asked: float
    notes: tuple[Event, ...] = ()


Step = Ready | Unrendered | Result
"""The result of preparing a claim."""
