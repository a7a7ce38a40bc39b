"""Brings outbox messages to the broker and forgets them once it confirms."""

from collections.abc import Sequence

from angarium.contracts.errors import Transient
from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage
from angarium.notifications.store.port import NotificationStore
from angarium.platform.batching import GroupCommit
from angarium.platform.broker.port import Broker, Outgoing
from angarium.platform.telemetry.correlation import CORRELATION_HEADER
from angarium.platform.telemetry.logging import Logger


class OutboxPublisher:
    """Publishes in bursts. What is not confirmed stays in the outbox, where the relay finds it."""

    def __init__(self, *, store: NotificationStore, broker: Broker, logger: Logger) -> None:
        self._broker = broker
        self._logger = logger
        self._store = store
        self._forget = GroupCommit(self._confirm, limit=2000, flushers=1)

    async def publish(self, messages: Sequence[OutboxMessage]) -> int:
        """How many of `messages` the broker took. Never raises: the outbox keeps the others."""
        if not messages:
            return 0
        try:
            taken = await self._broker.publish([_outgoing(message) for message in messages])
            confirmed = [message.key for message, ok in zip(messages, taken, strict=True) if ok]
            await self._forget.submit_many(confirmed)
        except Transient as error:
            self._logger.warning("outbox.publish_failed", count=len(messages), error=type(error).__name__)
            return 0
        if len(confirmed) < len(messages):
            self._logger.warning("outbox.unconfirmed", count=len(messages) - len(confirmed))
        return len(confirmed)

    async def _confirm(self, keys: Sequence[OutboxKey]) -> Sequence[None]:
        await self._store.confirm_outbox(keys)
        return [None] * len(keys)


def _outgoing(message: OutboxMessage) -> Outgoing:
    key = message.key
    message_id = str(key.subject) if key.kind is OutboxKind.WORK else f"{key.subject}.{key.kind}"
    return Outgoing(
        exchange=message.exchange,
        routing_key=message.routing_key,
        body=message.body,
        message_id=message_id,
        headers={CORRELATION_HEADER: message.correlation_id} if message.correlation_id else {},
        mandatory=key.kind is not OutboxKind.STATUS_EVENT,
    )
