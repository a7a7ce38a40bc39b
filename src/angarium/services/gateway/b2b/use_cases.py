"""Email to recipients who are not stored users, in the format of other systems.

The mails are ordinary notifications.
"""

from uuid import UUID

from angarium.contracts.errors import NotFound
from angarium.contracts.statuses import Status
from angarium.notifications.store.port import MOST_COUNTED, NotificationStore
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.broker.port import Broker
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.accepting.acceptance import Accepted, Origin
from angarium.services.gateway.accepting.idempotency import idempotency_key_of
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.b2b.bodies import SendRequest, VerificationRequest, Word, word_of
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.gateway.b2b.requests import inline_or_template, verification
from angarium.services.gateway.b2b.views import EmailView, QueueLine, QueueStats, UserStats, email_view
from angarium.services.gateway.gauges import QUEUES


class Emails:
    """Sends and reads mails. Raises as the acceptor does, NotFound and DatabaseUnavailable."""

    def __init__(
        self,
        *,
        acceptor: Acceptor,
        reader: NotificationReader,
        store: NotificationStore,
        broker: Broker,
        identifiers: Identifiers,
        plain_texts: PlainTexts,
    ) -> None:
        self._acceptor = acceptor
        self._reader = reader
        self._store = store
        self._broker = broker
        self._identifiers = identifiers
        self._plain_texts = plain_texts

    async def send(self, origin: Origin, body: SendRequest, key: str | None) -> Accepted:
        """Accept a mail with content in the request or from a stored template. `key`: the header Idempotency-Key."""
        request_id = self._request_id(body, key)
        request = await inline_or_template(body, request_id, origin.caller.tenant, self._plain_texts)
        return await self._acceptor.accept(origin, request)

    async def send_verification(self, origin: Origin, body: VerificationRequest, key: str | None) -> Accepted:
        """Accept a mail that asks to verify an address."""
        return await self._acceptor.accept(origin, verification(body, self._request_id(body, key)))

    async def get(self, tenant: str, notification_id: UUID) -> EmailView:
        """The current state of a mail."""
        view = await self._reader.get(tenant, notification_id)
        if view is None:
            raise NotFound
        return email_view(view)

    async def user_stats(self, tenant: str, user_id: str) -> UserStats:
        """A user's notifications, counted by status."""
        counts = dict.fromkeys(Word, 0)
        found = await self._reader.count_of_user(tenant, user_id)
        for status, count in found.by_status.items():
            counts[word_of(Status(status))] += count
        words = {word.value: count for word, count in counts.items()}
        total = sum(counts.values())
        pending = counts[Word.QUEUED] + counts[Word.SENDING] + counts[Word.RETRYING]
        return UserStats(user_id=user_id, total=total, pending=pending, last_sent_at=found.last_sent_at, **words)

    async def queue_stats(self, tenant: str) -> QueueStats:
        """Current queue lengths of the system; dead letters of `tenant` (all for the default tenant)."""
        queues = [
            QueueLine(name=queue.name, messages=queue.messages, consumers=queue.consumers)
            for queue in await self._broker.stats(QUEUES)
        ]
        pending = await self._store.outbox_pending()
        letters = await self._reader.dead_letters.count(
            at_most=MOST_COUNTED, tenant=None if tenant == DEFAULT_TENANT else tenant
        )
        return QueueStats(queues=queues, outbox_pending=pending, dead_letters=letters)

    def _request_id(self, body: SendRequest | VerificationRequest, key: str | None) -> str:
        return idempotency_key_of(key, body.request_id) or str(self._identifiers.new())
