"""`/dashboard/users`: search and show users, change preferences, remove devices, erase."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.errors import PreconditionFailed, Rejected, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.notifications.views import as_text
from angarium.services.gateway.dashboard.pages import Pages, error_text, redirect
from angarium.services.gateway.dashboard.people.choices import patch_of, shown
from angarium.services.gateway.dashboard.people.use_cases import People, Person
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of

PATH = f"{PREFIX}/users"
ERASE = "erase"
"""The word that the operator must type to confirm an erasure."""
_STALE = "The user has changed since you opened the page. This is the current state: make your change again"
Form = Annotated[Mapping[str, str], Depends(form_of)]


def routes(people: People, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, show, change preferences, remove a device, erase."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    _show(router, people, pages, viewers)
    _change(router, people, pages, viewers)
    _erase(router, people, pages, viewers)
    return router


def _show(router: APIRouter, people: People, pages: Pages, viewers: Viewers) -> None:
    reads = viewers.requires(Scope.USERS_READ)

    @router.get("")
    async def list_users(request: Request, caller: Annotated[Caller, Depends(reads)]) -> Response:
        search = request.query_params.get("search", "").strip()[:320].replace("\0", "")
        listed = await people.find(caller, search, request.query_params.get("cursor"))
        older = {"search": search, "cursor": listed.next_cursor}
        values = {
            "rows": listed.rows,
            "total": listed.total,
            "search": search,
            "older": f"{PATH}?{urlencode({k: v for k, v in older.items() if v})}" if listed.next_cursor else None,
        }
        return pages.page(request, viewer_of(request), "users", values)

    @router.get("/{user_id}")
    async def show_user(request: Request, caller: Annotated[Caller, Depends(reads)], user_id: UUID) -> Response:
        return _page(request, pages, await people.get(caller, user_id))


def _change(router: APIRouter, people: People, pages: Pages, viewers: Viewers) -> None:
    writes = viewers.requires(Scope.USERS_WRITE)

    @router.post("/{user_id}/preferences")
    async def change_preferences(
        request: Request, caller: Annotated[Caller, Depends(writes)], user_id: UUID, form: Form
    ) -> Response:
        """Save the changes in the form. If the user has changed since the form was shown, nothing is saved."""
        person = await people.get(caller, user_id)
        if form.get("etag") != person.etag or person.etag is None:
            return _page(request, pages, person, PreconditionFailed(_STALE))
        try:
            patch = patch_of(person.preferences, form)
            if patch:
                await people.change_preferences(actor_of(request, caller), user_id, patch, person.etag)
        except PreconditionFailed:
            return _page(request, pages, await people.get(caller, user_id), PreconditionFailed(_STALE))
        except ValidationFailed as fault:
            return _page(request, pages, person, fault)
        return redirect(f"{PATH}/{user_id}?done=preferences_saved")

    @router.post("/{user_id}/devices/{device_id}/remove", dependencies=[Depends(form_of)])
    async def remove_device(
        request: Request, caller: Annotated[Caller, Depends(writes)], user_id: UUID, device_id: UUID
    ) -> Response:
        await people.remove_device(actor_of(request, caller), user_id, device_id)
        return redirect(f"{PATH}/{user_id}?done=device_removed")


def _erase(router: APIRouter, people: People, pages: Pages, viewers: Viewers) -> None:
    writes = viewers.requires(Scope.USERS_WRITE)

    @router.post("/{user_id}/erase")
    async def erase_user(
        request: Request, caller: Annotated[Caller, Depends(writes)], user_id: UUID, form: Form
    ) -> Response:
        if form.get("confirm", "").lower() != ERASE:
            fault = ValidationFailed.of("confirm", f"must be the word {ERASE}: an erasure cannot be undone")
            return _page(request, pages, await people.get(caller, user_id), fault)
        await people.erase(actor_of(request, caller), user_id)
        return redirect(f"{PATH}?done=erased")


def _page(request: Request, pages: Pages, person: Person, fault: Rejected | None = None) -> Response:
    values: dict[str, Any] = {
        "user": {**person.user, "metadata": as_text(person.user.get("metadata"))},
        "devices": person.devices,
        "etag": person.etag,
        "word": ERASE,
        "fault": None if fault is None else error_text(fault),
        **shown(person.preferences),
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "user", values, status=status)
