"""The outbox is emptied by confirms, also by those that come late."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import StoreUnavailable
from angarium.platform.broker.port import Late, Outgoing
from tests.support.clock import settle
from tests.support.mailbox_gateway import quiet_logger


class SlowBroker:
    """Takes the first message of each publish in time; the others' confirms come when `confirm` is called."""

    def __init__(self) -> None:
        self.late: list[tuple[Late, int]] = []

    async def publish(self, messages: Sequence[Outgoing], *, late: Late | None = None) -> Sequence[bool]:
        assert late is not None
        self.late += [(late, place) for place in range(1, len(messages))]
        return [place == 0 for place in range(len(messages))]

    def confirm(self) -> None:
        for late, place in self.late:
            late(place)


class Outbox:
    def __init__(self) -> None:
        self.forgotten: list[Collection[OutboxKey]] = []
        self.away = False

    async def confirm_outbox(self, keys: Collection[OutboxKey]) -> None:
        if self.away:
            raise StoreUnavailable
        self.forgotten.append(keys)


LEASED_UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def messages(count: int) -> list[OutboxMessage]:
    keys = [OutboxKey(uuid4(), OutboxKind.WORK, LEASED_UNTIL) for _ in range(count)]
    return [OutboxMessage(key=key, routing_key="email", body=b"{}") for key in keys]


async def test_late_confirms_empty_the_outbox_in_one_statement() -> None:
    broker, store, given = SlowBroker(), Outbox(), messages(5)
    publisher = OutboxPublisher(store=store, broker=broker, logger=quiet_logger())  # type: ignore[arg-type]  # parts
    assert await publisher.publish(given) == 1
    assert store.forgotten == [[given[0].key]]
    broker.confirm()
    await settle()
    assert store.forgotten[1:] == [[OutboxKey(message.key.subject, OutboxKind.WORK) for message in given[1:]]]


async def test_late_confirms_that_cannot_be_written_are_left_to_the_relay() -> None:
    broker, store = SlowBroker(), Outbox()
    publisher = OutboxPublisher(store=store, broker=broker, logger=quiet_logger())  # type: ignore[arg-type]  # parts
    await publisher.publish(messages(2))
    store.away = True
    broker.confirm()
    await settle()
    assert len(store.forgotten) == 1
    assert not publisher._forgetting
