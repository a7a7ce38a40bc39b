"""The mailbox for people: one page that lists and shows what was caught.

It needs no key, so it is mounted in development only and serves this machine only. A Host header that is not this
machine's is refused too, so that a foreign page cannot reach it by a name that resolves to 127.0.0.1.
"""

from importlib.resources import files
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import Forbidden, NotFound
from angarium.contracts.mailbox import MailboxMessage
from angarium.contracts.statuses import Channel
from angarium.platform.http.pages.style import styled
from angarium.platform.loopback import is_loopback, names_this_machine
from angarium.services.gateway.mailbox.routes import recipient
from angarium.services.gateway.mailbox.store import MailboxFilter, MailboxStore

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_ASSETS = {"mailbox.js": "text/javascript", "mailbox.css": "text/css"}


def _secured(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def this_machine(request: Request) -> None:
    """A dependency that refuses everyone but this machine."""
    peer = request.client.host if request.client else ""
    if not is_loopback(peer) or not names_this_machine(request.headers.get("host", "")):
        raise Forbidden("The mailbox page is for this machine only")


def routes(store: MailboxStore) -> APIRouter:
    """`/mailbox`, its two assets, and the data behind it."""
    router = APIRouter(prefix="/mailbox", include_in_schema=False, dependencies=[Depends(this_machine)])
    _add_page(router)
    _add_data(router, store)
    return router


def _add_page(router: APIRouter) -> None:
    folder = files("angarium.services.gateway.mailbox_page") / "static"

    @router.get("")
    async def page() -> Response:
        return HTMLResponse((folder / "mailbox.html").read_text("utf-8"), headers=_secured(_PAGE_POLICY))

    @router.get("/assets/{name}")
    async def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise NotFound
        text = (folder / name).read_text("utf-8")
        if name.endswith(".css"):
            text = styled(text)
        return Response(text, media_type=_ASSETS[name], headers=_secured(_PAGE_POLICY))


def _add_data(router: APIRouter, store: MailboxStore) -> None:
    @router.get("/messages")
    async def list_messages(
        channel: Channel | None = None, to: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Envelope[list[MailboxMessage]]:
        messages, total = await store.find(MailboxFilter(channel=channel, to=recipient(to)), limit=limit)
        return many(messages, total=total, limit=limit, page=1)

    @router.get("/messages/{message_id}/html")
    async def html(message_id: UUID) -> Response:
        """The mail itself, for a frame: without scripts, forms and an origin."""
        message = await store.get(MailboxFilter(id=message_id))
        if message is None or message.html is None:
            raise NotFound
        return HTMLResponse(message.html, headers=_secured(_MAIL_POLICY))

    @router.delete("/messages")
    async def empty() -> Envelope[dict[str, int]]:
        return one({"deleted": await store.clear(MailboxFilter())}, "Mailbox emptied")
