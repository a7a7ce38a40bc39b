"""`/`: the overview. `/dashboard/live`: its live updates as server-sent events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from angarium.platform.auth.caller import Caller
from angarium.services.gateway.dashboard.overview.live import Live, Parts
from angarium.services.gateway.dashboard.pages import HEADERS, Pages
from angarium.services.gateway.dashboard.signing_in.error_pages import sign_in_page
from angarium.services.gateway.dashboard.viewing import PREFIX, SESSION, Guard, cookie, viewer_of

RETRY_MS = 2_000
"""How long a browser waits before it reconnects to a stream that has ended."""


def routes(read: Callable[[str], Awaitable[Parts]], live: Live, pages: Pages, signed_in: Guard) -> APIRouter:
    """The page and its stream. Without a session, `/` shows the sign-in form."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request) -> Response:
        if cookie(request, SESSION) is None:
            return sign_in_page(pages, request)
        caller = await signed_in(request)
        parts = await read(caller.tenant)
        shown = {name: Markup(html) for name, html in parts.items()}  # noqa: S704 - our templates have escaped it
        return pages.page(
            request,
            viewer_of(request),
            "overview",
            {"parts": shown, "address": request.url.netloc},
        )

    @router.get(f"{PREFIX}/live")
    async def stream(caller: Annotated[Caller, Depends(signed_in)]) -> Response:
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(_events(live, caller.tenant), media_type="text/event-stream", headers=headers)

    return router


async def _events(live: Live, tenant: str) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    async for update in live.stream(tenant):
        if update is None:
            yield b": quiet\n\n"
        elif isinstance(update, str):
            yield f"event: {update}\ndata: \n\n".encode()
        else:
            yield b"event: parts\ndata: " + msgspec.json.encode(update) + b"\n\n"
