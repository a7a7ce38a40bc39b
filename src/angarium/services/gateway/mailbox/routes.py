"""The mailbox for programs: what was caught, by key like everything else; and where services hand it in."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import NotFound
from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires, service_only
from angarium.services.gateway.mailbox.store import MailboxFilter, MailboxStore

_MOST = 1000
_Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
_Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]
_Service = Annotated[Caller, Depends(service_only)]
_Limit = Annotated[int, Query(ge=1, le=_MOST)]
_PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
_Caught = Annotated[CaughtMessage | Annotated[list[CaughtMessage], Body(max_length=_MOST)], Body()]


def routes(store: MailboxStore) -> APIRouter:
    """`/api/v1/mailbox/messages` and `/internal/v1/mailbox/messages`."""
    router = APIRouter(tags=["mailbox"])

    @router.get("/api/v1/mailbox/messages", name="list_mailbox_messages")
    async def list_messages(
        caller: _Reader,
        channel: Channel | None = None,
        to: str | None = None,
        limit: _Limit = 10,
        page: _PageNumber = 1,
    ) -> Envelope[list[MailboxMessage]]:
        """What was caught, newest first."""
        which = MailboxFilter(tenant=caller.tenant, channel=channel, to=recipient(to))
        messages, total = await store.find(which, limit=limit, offset=(page - 1) * limit)
        return many(messages, total=total, limit=limit, page=page)

    @router.get("/api/v1/mailbox/messages/{message_id}", name="get_mailbox_message")
    async def get_message(caller: _Reader, message_id: UUID) -> Envelope[MailboxMessage]:
        """One caught message."""
        message = await store.get(MailboxFilter(tenant=caller.tenant, id=message_id))
        if message is None:
            raise NotFound
        return one(message)

    @router.delete("/api/v1/mailbox/messages", name="empty_mailbox")
    async def empty(caller: _Admin) -> Envelope[dict[str, int]]:
        """Empty the mailbox."""
        return one({"deleted": await store.clear(MailboxFilter(tenant=caller.tenant))}, "Mailbox emptied")

    @router.post("/internal/v1/mailbox/messages", status_code=HTTPStatus.CREATED, include_in_schema=False)
    async def hand_in(caller: _Service, body: _Caught) -> Envelope[dict[str, int]]:
        messages = body if isinstance(body, list) else [body]
        await store.add(caller.tenant, messages)
        return one({"caught": len(messages)})

    return router


def recipient(to: str | None) -> str | None:
    """The address meant by `?to=`: in a query a `+` that was not encoded arrives as a space."""
    return f"+{to[1:]}" if to and to.startswith(" ") else to
