"""`/api/v1/mailbox/messages` for clients with an API key; `/internal/v1/mailbox/messages` for workers."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query
from starlette.responses import Response

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires, service_only
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.services.gateway.mailbox.use_cases import Mailbox
from angarium.services.gateway.mailbox.views import FILE_TYPE, SOURCE_TYPE, download

MESSAGES = "/api/v1/mailbox/messages"
_MOST = 1000
_Reader = Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_READ))]
_Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]
_Service = Annotated[Caller, Depends(service_only)]
_Limit = Annotated[int, Query(ge=1, le=_MOST)]
_PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
Address = Annotated[str | None, Query(max_length=320, description="Part of the address")]
Words = Annotated[
    str | None, Query(max_length=200, description="Words that must all occur in the subject, the title or the text")
]
FileIndex = Annotated[int, Path(ge=0, le=1000, description="The attachment's index in `attachments`, from 0")]
_Caught = Annotated[CaughtMessage | Annotated[list[CaughtMessage], Body(max_length=_MOST)], Body()]


def routes(mailbox: Mailbox) -> APIRouter:
    """List, get and delete messages, download sources and attachments, and add messages from workers."""
    router = APIRouter(tags=["mailbox"])
    _add_messages(router, mailbox)
    _add_files(router, mailbox)

    @router.post("/internal/v1/mailbox/messages", status_code=HTTPStatus.CREATED, include_in_schema=False)
    async def add_messages(caller: _Service, body: _Caught) -> Envelope[dict[str, int]]:
        messages = body if isinstance(body, list) else [body]
        await mailbox.add(caller.tenant, messages)
        return one({"caught": len(messages)})

    return router


def _add_messages(router: APIRouter, mailbox: Mailbox) -> None:
    @router.get(MESSAGES, name="list_mailbox_messages")
    async def list_messages(
        caller: _Reader,
        channel: Channel | None = None,
        to: Address = None,
        q: Words = None,
        limit: _Limit = 10,
        page: _PageNumber = 1,
    ) -> Envelope[list[MailboxMessage]]:
        """List caught messages, newest first."""
        which = MailboxFilter(tenant=caller.tenant, channel=channel, to=recipient(to), search=q)
        messages, total = await mailbox.find(which, limit=limit, offset=(page - 1) * limit)
        return many(messages, total=total, limit=limit, page=page)

    @router.delete(MESSAGES, name="empty_mailbox")
    async def empty(caller: _Admin) -> Envelope[dict[str, int]]:
        """Delete every caught message."""
        return one({"deleted": await mailbox.clear(MailboxFilter(tenant=caller.tenant))}, "Mailbox emptied")

    @router.get(f"{MESSAGES}/{{message_id}}", name="get_mailbox_message")
    async def get_message(caller: _Reader, message_id: UUID) -> Envelope[MailboxMessage]:
        """Get a caught message."""
        return one(await mailbox.get(MailboxFilter(tenant=caller.tenant, id=message_id)))

    @router.delete(f"{MESSAGES}/{{message_id}}", name="delete_mailbox_message")
    async def delete_message(caller: _Admin, message_id: UUID) -> Envelope[dict[str, int]]:
        """Delete a caught message."""
        which = MailboxFilter(tenant=caller.tenant, id=message_id)
        return one({"deleted": await mailbox.remove(which)}, "Message deleted")


def _add_files(router: APIRouter, mailbox: Mailbox) -> None:
    @router.get(
        f"{MESSAGES}/{{message_id}}/raw",
        name="get_mailbox_message_source",
        response_class=Response,
        responses=_file(SOURCE_TYPE, "The email (RFC 5322)"),
    )
    async def source(caller: _Reader, message_id: UUID) -> Response:
        """Download the source of a caught email as an `.eml` file.

        Email received by SMTP has its original source. For email from a worker, the source is built from its parts.
        """
        content = await mailbox.source(MailboxFilter(tenant=caller.tenant, id=message_id))
        return download(content, name=f"{message_id}.eml", media_type=SOURCE_TYPE)

    @router.get(
        f"{MESSAGES}/{{message_id}}/attachments/{{index}}",
        name="get_mailbox_attachment",
        response_class=Response,
        responses=_file(FILE_TYPE, "The content of the attachment"),
    )
    async def attachment(caller: _Reader, message_id: UUID, index: FileIndex) -> Response:
        """Download an attachment of a caught email."""
        file = await mailbox.file(MailboxFilter(tenant=caller.tenant, id=message_id), index)
        return download(file.content, name=file.info.filename, media_type=FILE_TYPE)


def _file(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {int(HTTPStatus.OK): {"description": description, "content": content}}


def recipient(to: str | None) -> str | None:
    """The address in `?to=`. An unencoded `+` at its start arrives as a space and is restored."""
    return f"+{to[1:]}" if to and to.startswith(" ") else to
