"""The mailbox page, which lists and shows caught messages.

It needs no key, so it exists in development only and accepts requests from this machine only. Requests with a Host
header of another machine are refused: a foreign page could send them by DNS rebinding, with a name that resolves to
127.0.0.1.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
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
from angarium.services.gateway.mailbox.routes import Address, FileIndex, Words, recipient
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.services.gateway.mailbox.use_cases import CaughtFile, Mailbox
from angarium.services.gateway.mailbox.views import FILE_TYPE, SOURCE_TYPE, download
from angarium.services.gateway.mailbox_page.links import links_of

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {images}; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_OWN_IMAGES, _ALL_IMAGES = "data:", "data: https: http:"
_ASSETS = {f"{name}.js": "text/javascript" for name in ("mailbox", "message", "dom")} | {"mailbox.css": "text/css"}
_CID = re.compile(r"cid:([A-Za-z0-9._%+@-]{1,128})")
_PICTURE = re.compile(r"image/[a-z0-9.+-]{1,40}")


def _secured(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def this_machine(request: Request) -> None:
    """A dependency that raises Forbidden for requests from other machines or for other host names."""
    peer = request.client.host if request.client else ""
    if not is_loopback(peer) or not names_this_machine(request.headers.get("host", "")):
        raise Forbidden("The mailbox page is available on this machine only")


def routes(mailbox: Mailbox) -> APIRouter:
    """`/mailbox`, its assets, and the data that its scripts fetch."""
    router = APIRouter(prefix="/mailbox", include_in_schema=False, dependencies=[Depends(this_machine)])
    _add_page(router)
    _add_messages(router, mailbox)
    _add_files(router, mailbox)
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


def _add_messages(router: APIRouter, mailbox: Mailbox) -> None:
    @router.get("/messages")
    async def list_messages(
        channel: Channel | None = None,
        to: Address = None,
        q: Words = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Envelope[list[MailboxMessage]]:
        which = MailboxFilter(channel=channel, to=recipient(to), search=q)
        messages, total = await mailbox.find(which, limit=limit)
        return many(messages, total=total, limit=limit, page=1)

    @router.get("/messages/{message_id}")
    async def get_message(message_id: UUID) -> Envelope[MailboxMessage]:
        return one(await mailbox.get(MailboxFilter(id=message_id)))

    @router.delete("/messages")
    async def empty() -> Envelope[dict[str, int]]:
        return one({"deleted": await mailbox.clear(MailboxFilter())}, "Mailbox emptied")

    @router.delete("/messages/{message_id}")
    async def delete_message(message_id: UUID) -> Envelope[dict[str, int]]:
        return one({"deleted": await mailbox.remove(MailboxFilter(id=message_id))}, "Message deleted")


def _add_files(router: APIRouter, mailbox: Mailbox) -> None:
    @router.get("/messages/{message_id}/html")
    async def html(message_id: UUID, images: bool = False) -> Response:
        """The HTML of an email for a sandboxed frame: no scripts, no forms, remote images only with `images`."""
        message = await mailbox.get(MailboxFilter(id=message_id))
        if message.html is None:
            raise NotFound
        text = with_pictures(message.html, await mailbox.pictures(message))
        policy = _MAIL_POLICY.format(images=_ALL_IMAGES if images else _OWN_IMAGES)
        return HTMLResponse(text, headers=_secured(policy))

    @router.get("/messages/{message_id}/links")
    async def links(message_id: UUID) -> Envelope[dict[str, str]]:
        message = await mailbox.get(MailboxFilter(id=message_id))
        return one(dict(await asyncio.to_thread(links_of, message)))

    @router.get("/messages/{message_id}/raw")
    async def source(message_id: UUID) -> Response:
        content = await mailbox.source(MailboxFilter(id=message_id))
        return download(content, name=f"{message_id}.eml", media_type=SOURCE_TYPE)

    @router.get("/messages/{message_id}/attachments/{index}")
    async def attachment(message_id: UUID, index: FileIndex) -> Response:
        file = await mailbox.file(MailboxFilter(id=message_id), index)
        return download(file.content, name=file.info.filename, media_type=FILE_TYPE)


def with_pictures(html: str, pictures: Sequence[CaughtFile]) -> str:
    """Replace `cid:` URLs (RFC 2392), which browsers cannot load, with `data:` URLs of the email's own images."""
    known = {
        file.info.content_id: f"data:{kind};base64,{b64encode(file.content).decode()}"
        for file in pictures
        if (kind := file.info.content_type.partition(";")[0].strip().lower()) and _PICTURE.fullmatch(kind)
    }
    return _CID.sub(lambda found: known.get(found[1], found[0]), html) if known else html
