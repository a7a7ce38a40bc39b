"""`/preferences/{token}` and `/unsubscribe/{token}`: for recipients, with a signed link instead of a login.

GET never changes anything, since mail scanners follow every link. There are no cookies, so CSRF is not possible; anyone
with the link may use it.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from angarium.contracts.envelope import one
from angarium.contracts.errors import NotFound, UserNotFound, ValidationFailed
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLink, PreferenceLinks
from angarium.platform.http.frame.answers import JsonBytes
from angarium.services.users.page.page import Shown, asks_to_stop, choice, gone, headers, masked, page
from angarium.services.users.page.texts import texts_for
from angarium.services.users.people.model import Person
from angarium.services.users.preferences.use_cases import UserPreferences

_ONE_CLICK = (b"List-Unsubscribe=One-Click", b'name="List-Unsubscribe"')
"""The one-click body as a form, or in a multipart form (RFC 8058 §3.2)."""
ReadLink = Callable[[str], PreferenceLink]
"""Verifies a token and returns its link. Raises NotFound."""


class Showing(Protocol):
    """Builds the content of the page."""

    def __call__(self, link: PreferenceLink, person: Person, *, saved: bool) -> Shown: ...


def routes(
    preferences: UserPreferences, links: PreferenceLinks | None, sender: str, mandatory: Collection[str]
) -> APIRouter:
    """The page, its form, and one-click unsubscription. Without `links` every link is unknown.

    `sender`: the sender shown on the page. `mandatory`: categories without a switch.
    """
    router = APIRouter(include_in_schema=False)

    def read(token: str) -> PreferenceLink:
        link = links.read(token) if links is not None else None
        if link is None:
            raise NotFound
        return link

    def shown(link: PreferenceLink, person: Person, *, saved: bool) -> Shown:
        named = [*person.preferences.categories, *([link.category] if link.category is not None else [])]
        optional = preferences.optional(named)
        return Shown(
            preferences=person.preferences,
            categories=optional,
            always=sorted(mandatory),
            category=link.category,
            channel=link.channel,
            can_stop=link.category is None or link.category in optional,
            sender=sender,
            address=masked(link.channel, person),
            saved=saved,
        )

    _page(router, preferences, read, shown)
    _form(router, preferences, read)
    _one_click(router, preferences, read)
    return router


def _page(router: APIRouter, preferences: UserPreferences, read: ReadLink, shown: Showing) -> None:
    @router.get(f"{PAGE_PATH}/{{token}}")
    @router.get(f"{UNSUBSCRIBE_PATH}/{{token}}")
    async def show(request: Request, token: str) -> Response:
        try:
            link = read(token)
            person = await preferences.owner(link.tenant, link.user_id)
        except NotFound:
            return _gone(request)
        texts = texts_for(person.locale, request.headers.get("accept-language"))
        saved = request.query_params.get("saved") == "1"
        return HTMLResponse(page(shown(link, person, saved=saved), texts, token=token), headers=headers())


def _form(router: APIRouter, preferences: UserPreferences, read: ReadLink) -> None:
    @router.post(f"{PAGE_PATH}/{{token}}")
    async def save(request: Request, token: str) -> Response:
        body = await request.body()
        try:
            link = read(token)
            if asks_to_stop(body):
                await preferences.unsubscribe(link.tenant, link.user_id, link.channel, link.category)
            else:
                await preferences.choose(link.tenant, link.user_id, choice(body, link.category))
        except NotFound:
            return _gone(request)
        # A redirect to the page, so that a reload does not submit the form again.
        address = f"{PAGE_PATH}/{token}?saved=1"
        return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers=headers())


def _one_click(router: APIRouter, preferences: UserPreferences, read: ReadLink) -> None:
    @router.post(f"{UNSUBSCRIBE_PATH}/{{token}}")
    async def unsubscribe(request: Request, token: str) -> Response:
        """RFC 8058 §3.1: without cookies, redirects or confirmation."""
        body = await request.body()
        if not any(mark in body for mark in _ONE_CLICK):
            raise ValidationFailed.of("List-Unsubscribe", "must be One-Click")
        link = read(token)
        with suppress(UserNotFound):  # an erased user gets no more messages either
            await preferences.unsubscribe(link.tenant, link.user_id, link.channel, link.category)
        return JsonBytes(one({"unsubscribed": True}, "Unsubscribed").model_dump_json(), headers=headers())


def _gone(request: Request) -> Response:
    """The page of an invalid link for browsers, which accept HTML. Raises NotFound for other clients."""
    if "text/html" not in request.headers.get("accept", ""):
        raise NotFound("This link is not valid or has expired")
    texts = texts_for(None, request.headers.get("accept-language"))
    return HTMLResponse(gone(texts), status_code=HTTPStatus.NOT_FOUND, headers=headers())
