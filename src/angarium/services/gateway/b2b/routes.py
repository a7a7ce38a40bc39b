"""`/api/notifications`: email to people who are not stored, in the words of other systems."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path
from starlette.responses import Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import NotFound
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Status
from angarium.notifications.store.port import MOST_COUNTED, NotificationStore
from angarium.notifications.store.reader import NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.broker.port import Broker
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.services.gateway.accepting.acceptance import Origin
from angarium.services.gateway.accepting.idempotency import (
    IDEMPOTENCY_CONFLICT,
    IDEMPOTENCY_HEADER,
    KEY_DESCRIPTION,
    idempotency_key_of,
)
from angarium.services.gateway.accepting.routes import REPLAYED_HEADER
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.b2b.bodies import ReferredRequest, SendRequest, VerificationRequest, Word, word_of
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.gateway.b2b.requests import inline_or_template, verification
from angarium.services.gateway.b2b.views import (
    PATH,
    B2bEnvelope,
    EmailView,
    Queued,
    QueueLine,
    QueueStats,
    UserStats,
    about,
    email_view,
    status_url,
)
from angarium.services.gateway.gauges import QUEUES

_ACCEPTED = 202
Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]
Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
IdempotencyKey = Annotated[str | None, Header(alias=IDEMPOTENCY_HEADER, description=KEY_DESCRIPTION)]
UserId = Annotated[str, Path(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class B2bRoutes:
    """Another door to the same notifications: what is sent here is one like any other."""

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

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["b2b email"])
        sending = (
            ("send_email", "/send", self.send),
            ("send_verification_email", "/send-verification", self.send_verification),
        )
        for name, path, endpoint in sending:
            router.add_api_route(
                path,
                endpoint,
                name=name,
                responses=conflict(IDEMPOTENCY_CONFLICT),
                methods=["POST"],
                status_code=_ACCEPTED,
                response_model=B2bEnvelope[Queued],
            )
        router.add_api_route(
            "/queue/stats",
            self.queue_stats,
            name="get_queue_stats",
            methods=["GET"],
            response_model=Envelope[QueueStats],
        )
        router.add_api_route(
            "/user/{user_id:path}/stats",
            self.user_stats,
            name="get_user_stats",
            methods=["GET"],
            response_model=Envelope[UserStats],
        )
        router.add_api_route(
            "/{notification_id}", self.get, name="get_email", methods=["GET"], response_model=B2bEnvelope[EmailView]
        )
        return router

    async def send(self, body: SendRequest, caller: Sender, idempotency_key: IdempotencyKey = None) -> Response:
        """Send a mail whose content comes along, or of a stored template. 202 once it is durable."""
        request_id = self._request_id(body, idempotency_key)
        request = await inline_or_template(body, request_id, caller.tenant, self._plain_texts)
        return await self._accept(caller, request)

    async def send_verification(
        self, body: VerificationRequest, caller: Sender, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Send a mail that asks someone to verify an address. 202 once it is durable."""
        return await self._accept(caller, verification(body, self._request_id(body, idempotency_key)))

    async def get(self, caller: Reader, notification_id: UUID) -> B2bEnvelope[EmailView]:
        """A mail as it stands."""
        view = await self._reader.get(caller.tenant, notification_id)
        if view is None:
            raise NotFound
        return about(notification_id, email_view(view))

    async def user_stats(self, caller: Reader, user_id: UserId) -> Envelope[UserStats]:
        """How many notifications a user has had, by where they stand."""
        counts = dict.fromkeys(Word, 0)
        found = await self._reader.count_of_user(caller.tenant, user_id)
        for status, count in found.by_status.items():
            counts[word_of(Status(status))] += count
        words = {word.value: count for word, count in counts.items()}
        total = sum(counts.values())
        pending = counts[Word.QUEUED] + counts[Word.SENDING] + counts[Word.RETRYING]
        stats = UserStats(user_id=user_id, total=total, pending=pending, last_sent_at=found.last_sent_at, **words)
        return one(stats)

    async def queue_stats(self, caller: Reader) -> Envelope[QueueStats]:  # noqa: ARG002 - whoever may read
        """What waits now, in the whole system."""
        queues = [
            QueueLine(name=queue.name, messages=queue.messages, consumers=queue.consumers)
            for queue in await self._broker.stats(QUEUES)
        ]
        pending, letters = await self._store.outbox_pending(), await self._reader.count_letters(at_most=MOST_COUNTED)
        return one(QueueStats(queues=queues, outbox_pending=pending, dead_letters=letters))

    def _request_id(self, body: SendRequest | VerificationRequest, key: str | None) -> str:
        return idempotency_key_of(key, body.request_id) or str(self._identifiers.new())

    async def _accept(self, caller: Caller, request: ReferredRequest) -> Response:
        origin = Origin(caller, current_correlation_id() or "", current_traceparent())
        accepted = await self._acceptor.accept(origin, request)
        identifier = accepted.notification_id
        status = word_of(accepted.status)
        queued = Queued(notification_id=identifier, status=status, status_url=status_url(identifier))
        headers = {REPLAYED_HEADER: "true"} if accepted.replayed else None
        answer = about(identifier, queued, "Email queued").model_dump_json(by_alias=True).encode()
        return JsonBytes(answer, status_code=_ACCEPTED, headers=headers)
