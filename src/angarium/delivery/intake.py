"""Matches deliveries to notifications; rejects malformed and foreign messages.

Every message is either matched or dead-lettered at its first delivery, whatever its content. No value reaches the
database that its column would refuse.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from angarium.contracts.errors import Transient
from angarium.contracts.messages import (
    SCHEMA_VERSION,
    QueueMessage,
    light_key,
    light_queue,
    routing_key,
    urgent_queue,
)
from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel
from angarium.delivery.work import Carrier, Person, Poison, Sorted
from angarium.notifications.letters import foreign_letter
from angarium.notifications.model import Reason
from angarium.notifications.store.port import NotificationStore
from angarium.platform.broker.port import Consumer, Delivery
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger

_DECODER = msgspec.json.Decoder(QueueMessage)
_DEFAULT_TENANT = "default"
_LONGEST_KEY = 255
_LONGEST_REASON = 200
UNDELIVERABLE = "undeliverable"
"""The reason of messages on which our own code failed."""


class _NotOursError(Exception):
    """The message is malformed, or matches no notification.

    `tenant`: the tenant that it names. Anyone who may publish can name any tenant, so the dead letter belongs to the
    default tenant, whose admins run the system, and only mentions the name.
    """

    def __init__(self, code: str, message: str, tenant: str = _DEFAULT_TENANT) -> None:
        super().__init__(message)
        named = "" if tenant == _DEFAULT_TENANT else f" (tenant {tenant})"
        self.reason = Reason(code, f"{message[:_LONGEST_REASON]}{named}")


class Intake:
    """Finds the notification of each delivery."""

    def __init__(self, *, channel: Channel, store: NotificationStore, identifiers: Identifiers, logger: Logger) -> None:
        self._channel = channel
        self._store = store
        self._identifiers = identifiers
        self._logger = logger
        self._ordinary_key = str(channel)
        self._keys = {
            urgent_queue(channel): routing_key(channel, URGENT_PRIORITY),
            light_queue(channel): light_key(channel),
        }

    async def sort(self, deliveries: Sequence[Delivery], consumer: Consumer) -> Sorted:
        """Group deliveries by notification, and separate poison messages. Raises StoreUnavailable."""
        found: dict[UUID, list[Delivery]] = {}
        poison: list[Poison] = []
        people: set[Person] = set()
        for delivery in deliveries:
            try:
                message = _decode(delivery.body)
                found.setdefault(await self._identify(message), []).append(delivery)
            except _NotOursError as error:
                poison.append(self.poison(delivery, error.reason))
            except Transient:
                raise
            except Exception as error:
                self._logger.exception("message.undeliverable", channel=self._channel)
                poison.append(self.poison(delivery, Reason(UNDELIVERABLE, type(error).__name__)))
            else:
                people.update(_person(message))
        carriers = {
            id_: Carrier(id_, tuple(same), consumer, self._keys.get(same[0].queue, self._ordinary_key))
            for id_, same in found.items()
        }
        return Sorted(carriers, poison, frozenset(people))

    def poison(self, delivery: Delivery, reason: Reason) -> Poison:
        """Mark `delivery` as poison for `reason`."""
        letter = foreign_letter(delivery.body, reason, letter_id=self._identifiers.new(), channel=self._channel)
        return Poison(delivery, letter)

    def undeliverable(self, poison: Poison) -> Poison:
        """`poison` with a dead letter without the message's values, which the database refused."""
        letter = foreign_letter(
            b"",
            Reason(UNDELIVERABLE, "its dead letter was refused"),
            letter_id=poison.letter.id,
            channel=self._channel,
        )
        return Poison(poison.delivery, letter)

    async def _identify(self, message: QueueMessage) -> UUID:
        if message.notification_id is not None:
            return _uuid(message.notification_id)
        matches = await self._store.find_by_request(message.tenant, message.request_id)
        if len(matches) == 1:
            return matches[0]
        how_many = "more than one notification" if matches else "no notification"
        raise _NotOursError("unmatched", f"request_id matches {how_many}", message.tenant)


def _decode(body: bytes) -> QueueMessage:
    """Raises _NotOursError."""
    try:
        message = _DECODER.decode(body)
    except (ValueError, RecursionError) as error:  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
        raise _NotOursError("malformed", str(error)) from error
    if not _fits(message.tenant):
        raise _NotOursError("malformed", "tenant is longer than 255 characters or has a NUL character")
    if message.schema_version != SCHEMA_VERSION:
        raise _NotOursError("malformed", f"unknown schema_version {message.schema_version}", message.tenant)
    if not _fits(message.request_id):
        reason = "request_id is longer than 255 characters or has a NUL character"
        raise _NotOursError("malformed", reason, message.tenant)
    return message


def _fits(text: str) -> bool:
    """Whether it fits into a column of 255 characters on every database."""
    return len(text) <= _LONGEST_KEY and "\0" not in text


def _person(message: QueueMessage) -> Iterator[Person]:
    """The stored user named in the message, if the id is well-formed."""
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
