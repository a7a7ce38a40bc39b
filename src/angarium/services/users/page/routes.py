"""`/preferences/{token}` and `/unsubscribe/{token}`: for people, by a signed link instead of a login.

Reading never changes anything: mail scanners follow every link. There are no cookies, so no foreign page can act in
somebody's name; the holder of the link may use it.
"""

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from angarium.contracts.envelope import one
from angarium.contracts.errors import NotFound, UserNotFound, ValidationFailed
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLink, PreferenceLinks
from angarium.platform.http.frame.answers import JsonBytes
from angarium.services.users.page.page import choice, gone, headers, page
from angarium.services.users.preferences.use_cases import UserPreferences

_ONE_CLICK = (b"List-Unsubscribe=One-Click", b'name="List-Unsubscribe"')
"""As a form, or as a part of a multipart one (RFC 8058 §3.2)."""
ReadLink = Callable[[str], PreferenceLink]
"""The link of a token. Raises NotFound."""


def routes(preferences: UserPreferences, links: PreferenceLinks | None) -> APIRouter:
    """The page, its form, and the one click of a mail program. Without `links` every link is unknown."""
    router = APIRouter(include_in_schema=False)

    def read(token: str) -> PreferenceLink:
        link = links.read(token) if links is not None else None
        if link is None:
            raise NotFound
        return link

    _page(router, preferences, read)
    _one_click(router, preferences, read)
    return router


def _page(router: APIRouter, preferences: UserPreferences, read: ReadLink) -> None:
    @router.get(f"{PAGE_PATH}/{{token}}")
    @router.get(f"{UNSUBSCRIBE_PATH}/{{token}}")
    async def show(request: Request, token: str) -> Response:
        try:
            link = read(token)
            person = await preferences.owner(link.tenant, link.user_id)
        except NotFound:
            return _gone()
        named = [*person.preferences.categories, *([link.category] if link.category is not None else [])]
        saved = request.query_params.get("saved") == "1"
        shown = page(person.preferences, preferences.optional(named), token=token, saved=saved)
        return HTMLResponse(shown, headers=headers())

    @router.post(f"{PAGE_PATH}/{{token}}")
    async def save(request: Request, token: str) -> Response:
        try:
            link = read(token)
            made = choice(await request.body(), link.category)
            await preferences.choose(link.tenant, link.user_id, made)
        except NotFound:
            return _gone()
        address = f"{PAGE_PATH}/{token}?saved=1"
        return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers=headers())


def _one_click(router: APIRouter, preferences: UserPreferences, read: ReadLink) -> None:
    @router.post(f"{UNSUBSCRIBE_PATH}/{{token}}")
    async def unsubscribe(request: Request, token: str) -> Response:
        """RFC 8058 §3.1: without cookies, without a redirect, without a further question."""
        body = await request.body()
        if not any(mark in body for mark in _ONE_CLICK):
            raise ValidationFailed.of("List-Unsubscribe", "must be One-Click")
        link = read(token)
        with suppress(UserNotFound):  # an erased user gets nothing more either
            await preferences.unsubscribe(link.tenant, link.user_id, link.channel, link.category)
        return JsonBytes(one({"unsubscribed": True}, "Unsubscribed").model_dump_json(), headers=headers())


def _gone() -> Response:
    return HTMLResponse(gone(), status_code=HTTPStatus.NOT_FOUND, headers=headers())
