"""Publishes outbox messages and deletes them once they are confirmed."""

import asyncio
from collections.abc import Sequence

from angarium.contracts.errors import Transient
from angarium.notifications.model import OutboxKey, OutboxKind, OutboxMessage
from angarium.notifications.store.port import NotificationStore
from angarium.platform.batching import GroupCommit
from angarium.platform.broker.port import Broker, Outgoing
from angarium.platform.telemetry.correlation import CORRELATION_HEADER, TRACEPARENT_HEADER
from angarium.platform.telemetry.logging import Logger

_BURSTS = 50
"""Bursts whose rows are deleted in one statement. A burst has at most 500 messages, like acceptances and leases."""


class OutboxPublisher:
    """Publishes in bursts. Unconfirmed messages stay in the outbox for the relay.

    Late confirms count too, so that a slow broker does not get every message several times. They delete the row even if
    another relay has leased it again.
    """

    def __init__(self, *, store: NotificationStore, broker: Broker, logger: Logger) -> None:
        self._broker = broker
        self._logger = logger
        self._store = store
        self._late: list[OutboxKey] = []
        self._forgetting: set[asyncio.Task[None]] = set()
        self._forget: GroupCommit[Sequence[OutboxKey], None] = GroupCommit(self._confirm, limit=_BURSTS, flushers=1)

    async def publish(self, messages: Sequence[OutboxMessage]) -> int:
        """Publish `messages` and return how many were confirmed. Never raises: the others stay in the outbox."""
        if not messages:
            return 0

        def late(place: int) -> None:
            key = messages[place].key
            self._forget_late(OutboxKey(key.subject, key.kind))

        try:
            taken = await self._broker.publish([_outgoing(message) for message in messages], late=late)
            confirmed = [message.key for message, ok in zip(messages, taken, strict=True) if ok]
            if confirmed:
                await self._forget.submit(confirmed)
        except Transient as error:
            self._logger.warning("outbox.publish_failed", count=len(messages), error=type(error).__name__)
            return 0
        if len(confirmed) < len(messages):
            self._logger.warning("outbox.unconfirmed", count=len(messages) - len(confirmed))
        return len(confirmed)

    def _forget_late(self, key: OutboxKey) -> None:
        self._late.append(key)
        if len(self._late) == 1:  # confirms of the same loop iteration are deleted together
            task = asyncio.get_running_loop().create_task(self._forget_all_late())
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def _forget_all_late(self) -> None:
        keys, self._late = self._late, []
        try:
            await self._forget.submit(keys)
        except Transient as error:
            self._logger.warning("outbox.late_confirms_lost", count=len(keys), error=type(error).__name__)

    async def _confirm(self, bursts: Sequence[Sequence[OutboxKey]]) -> Sequence[None]:
        await self._store.confirm_outbox([key for keys in bursts for key in keys])
        return [None] * len(bursts)


def _outgoing(message: OutboxMessage) -> Outgoing:
    key = message.key
    message_id = str(key.subject) if key.kind is OutboxKind.WORK else f"{key.subject}.{key.kind}"
    return Outgoing(
        exchange=message.exchange,
        routing_key=message.routing_key,
        body=message.body,
        message_id=message_id,
        headers=_headers(message),
        mandatory=key.kind is not OutboxKind.STATUS_EVENT,
    )


def _headers(message: OutboxMessage) -> dict[str, str]:
    headers = {CORRELATION_HEADER: message.correlation_id} if message.correlation_id else {}
    if message.traceparent is not None:
        headers[TRACEPARENT_HEADER] = message.traceparent
    return headers
