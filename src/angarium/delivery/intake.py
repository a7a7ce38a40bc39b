"""Tells our work from what is none of ours."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from angarium.contracts.messages import SCHEMA_VERSION, QueueMessage
from angarium.contracts.statuses import Channel
from angarium.delivery.work import Carrier, Person, Poison, Sorted
from angarium.notifications.letters import foreign_letter
from angarium.notifications.model import Reason
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Consumer, Delivery
from angarium.platform.identifiers import Identifiers

_DECODER = msgspec.json.Decoder(QueueMessage)


class _NotOursError(Exception):
    """The message is malformed, or matches no notification."""

    def __init__(self, code: str, message: str, tenant: str = "default") -> None:
        super().__init__(message)
        self.reason = Reason(code, message)
        self.tenant = tenant


class Intake:
    """Finds the notification that each delivery means."""

    def __init__(self, *, channel: Channel, store: NotificationStore, identifiers: Identifiers) -> None:
        self._channel = channel
        self._store = store
        self._identifiers = identifiers

    async def sort(self, deliveries: Sequence[Delivery], consumer: Consumer) -> Sorted:
        """Deliveries by their notification, and those that are poison. Raises StoreUnavailable."""
        found: dict[UUID, list[Delivery]] = {}
        poison: list[Poison] = []
        people: set[Person] = set()
        for delivery in deliveries:
            try:
                message = _decode(delivery.body)
                found.setdefault(await self._identify(message), []).append(delivery)
            except _NotOursError as error:
                poison.append(self.poison(delivery, error.reason, error.tenant))
            else:
                people.update(_person(message))
        carriers = {id_: Carrier(id_, tuple(same), consumer) for id_, same in found.items()}
        return Sorted(carriers, poison, frozenset(people))

    def poison(self, delivery: Delivery, reason: Reason, tenant: str = "default") -> Poison:
        """`delivery` as poison for `reason`."""
        letter = foreign_letter(
            delivery.body, reason, letter_id=self._identifiers.new(), channel=self._channel, tenant=tenant
        )
        return Poison(delivery, letter)

    async def _identify(self, message: QueueMessage) -> UUID:
        if message.notification_id is not None:
            return _uuid(message.notification_id)
        matches = await self._store.find_by_request(message.tenant, message.request_id)
        if len(matches) == 1:
            return matches[0]
        how_many = "more than one notification" if matches else "no notification"
        raise _NotOursError("unmatched", f"request_id matches {how_many}", message.tenant)


def _decode(body: bytes) -> QueueMessage:
    try:
        message = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _NotOursError("malformed", str(error)[:200]) from error
    if message.schema_version != SCHEMA_VERSION:
        raise _NotOursError("malformed", f"unknown schema_version {message.schema_version}", message.tenant)
    return message


def _person(message: QueueMessage) -> Iterator[Person]:
    """The stored user that the message speaks of, if it looks like one."""
    try:
        if message.user_id is not None:
            yield message.tenant, UUID(message.user_id)
    except ValueError:
        return


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise _NotOursError("malformed", "notification_id is not a UUID") from error
