"""`/api/notifications`: email to recipients who are not stored users, in the format of other systems."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path
from starlette.responses import Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.accepting.acceptance import Accepted, origin_of
from angarium.services.gateway.accepting.idempotency import (
    IDEMPOTENCY_CONFLICT,
    IDEMPOTENCY_HEADER,
    KEY_DESCRIPTION,
    REPLAYED_HEADER,
)
from angarium.services.gateway.b2b.bodies import SendRequest, VerificationRequest, word_of
from angarium.services.gateway.b2b.use_cases import Emails
from angarium.services.gateway.b2b.views import (
    PATH,
    B2bEnvelope,
    EmailView,
    Queued,
    QueueStats,
    UserStats,
    about,
    status_url,
)

Sender = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))]
Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
IdempotencyKey = Annotated[str | None, Header(alias=IDEMPOTENCY_HEADER, description=KEY_DESCRIPTION)]
UserId = Annotated[str, Path(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


def routes(emails: Emails) -> APIRouter:
    """Send, send a verification, statistics, read."""
    router = APIRouter(prefix=PATH, tags=["b2b email"])
    _send(router, emails)
    _statistics(router, emails)
    _read(router, emails)
    return router


def _send(router: APIRouter, emails: Emails) -> None:
    accepted, refused = HTTPStatus.ACCEPTED, conflict(IDEMPOTENCY_CONFLICT)

    @router.post("/send", status_code=accepted, responses=refused, response_model=B2bEnvelope[Queued])
    async def send_email(body: SendRequest, caller: Sender, idempotency_key: IdempotencyKey = None) -> Response:
        """Send a mail with content in the request or from a stored template. 202 once it is durable."""
        return _queued(await emails.send(origin_of(caller), body, idempotency_key))

    @router.post("/send-verification", status_code=accepted, responses=refused, response_model=B2bEnvelope[Queued])
    async def send_verification_email(
        body: VerificationRequest, caller: Sender, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Send a mail that asks the recipient to verify an address. 202 once it is durable."""
        return _queued(await emails.send_verification(origin_of(caller), body, idempotency_key))


def _statistics(router: APIRouter, emails: Emails) -> None:
    @router.get("/queue/stats")
    async def get_queue_stats(caller: Reader) -> Envelope[QueueStats]:
        """Current queue lengths of the system, and the tenant's dead letters (all for the default tenant)."""
        return one(await emails.queue_stats(caller.tenant))

    @router.get("/user/{user_id:path}/stats")
    async def get_user_stats(caller: Reader, user_id: UserId) -> Envelope[UserStats]:
        """A user's notifications, counted by status."""
        return one(await emails.user_stats(caller.tenant, user_id))


def _read(router: APIRouter, emails: Emails) -> None:
    @router.get("/{notification_id}")
    async def get_email(caller: Reader, notification_id: UUID) -> B2bEnvelope[EmailView]:
        """The current state of a mail."""
        return about(notification_id, await emails.get(caller.tenant, notification_id))


def _queued(accepted: Accepted) -> Response:
    identifier, status = accepted.notification_id, word_of(accepted.status)
    queued = Queued(notification_id=identifier, status=status, status_url=status_url(identifier))
    headers = {REPLAYED_HEADER: "true"} if accepted.replayed else None
    answer = about(identifier, queued, "Email queued").model_dump_json(by_alias=True).encode()
    return JsonBytes(answer, status_code=int(HTTPStatus.ACCEPTED), headers=headers)
