"""`/preferences/{token}` and `/unsubscribe/{token}`: for people, by a signed link instead of a login.

Reading never changes anything: mail scanners follow every link. There are no cookies, so no foreign page can act in
somebody's name; whoever has the link may use it.
"""

from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from angarium.contracts.envelope import one
from angarium.contracts.errors import NotFound, UserNotFound, ValidationFailed
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLink, PreferenceLinks
from angarium.platform.http.frame.answers import JsonBytes
from angarium.services.users.page.page import choice, gone, headers, page
from angarium.services.users.people.use_cases import People

_ONE_CLICK = (b"List-Unsubscribe=One-Click", b'name="List-Unsubscribe"')
"""As a form, or as a part of a multipart one (RFC 8058 §3.2)."""
_SEE_OTHER, _NOT_FOUND = 303, 404


def page_router() -> APIRouter:
    """The page, its form, and the one click of a mail program."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(f"{PAGE_PATH}/{{token}}", _show, methods=["GET"])
    router.add_api_route(f"{PAGE_PATH}/{{token}}", _save, methods=["POST"])
    router.add_api_route(f"{UNSUBSCRIBE_PATH}/{{token}}", _show, methods=["GET"])
    router.add_api_route(f"{UNSUBSCRIBE_PATH}/{{token}}", _unsubscribe, methods=["POST"])
    return router


async def _show(request: Request, token: str) -> Response:
    people = _people(request)
    try:
        link = _link(request, token)
        person = await people.get(link.tenant, link.user_id)
    except NotFound:
        return HTMLResponse(gone(), status_code=_NOT_FOUND, headers=headers())
    named = [*person.preferences.categories, *([link.category] if link.category is not None else [])]
    saved = request.query_params.get("saved") == "1"
    shown = page(person.preferences, people.optional(named), token=token, saved=saved)
    return HTMLResponse(shown, headers=headers())


async def _save(request: Request, token: str) -> Response:
    try:
        link = _link(request, token)
        made = choice(await request.body(), link.category)
        await _people(request).choose(link.tenant, link.user_id, made)
    except NotFound:
        return HTMLResponse(gone(), status_code=_NOT_FOUND, headers=headers())
    return RedirectResponse(f"{PAGE_PATH}/{token}?saved=1", status_code=_SEE_OTHER, headers=headers())


async def _unsubscribe(request: Request, token: str) -> Response:
    """RFC 8058 §3.1: without cookies, without a redirect, without a further question."""
    body = await request.body()
    if not any(mark in body for mark in _ONE_CLICK):
        raise ValidationFailed.of("List-Unsubscribe", "must be One-Click")
    link = _link(request, token)
    with suppress(UserNotFound):  # who is gone gets nothing more either
        await _people(request).unsubscribe(link.tenant, link.user_id, link.channel, link.category)
    return JsonBytes(one({"unsubscribed": True}, "Unsubscribed").model_dump_json(), headers=headers())


def _link(request: Request, token: str) -> PreferenceLink:
    links: PreferenceLinks | None = request.app.state.links
    link = links.read(token) if links is not None else None
    if link is None:
        raise NotFound
    return link


def _people(request: Request) -> People:
    people: People = request.app.state.people
    return people
