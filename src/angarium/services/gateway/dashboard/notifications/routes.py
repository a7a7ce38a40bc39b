"""`/dashboard/notifications`: search, show, cancel, resolve and send again."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from angarium.contracts.errors import Conflict, NotFound, Rejected, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, Status
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.frames import Mode, with_mode
from angarium.services.gateway.dashboard.notifications.content import Contents
from angarium.services.gateway.dashboard.notifications.search import Search, search_of
from angarium.services.gateway.dashboard.notifications.use_cases import RESOLUTIONS, DashboardNotifications, Whole
from angarium.services.gateway.dashboard.notifications.views import facts_of, row_of, timeline_of
from angarium.services.gateway.dashboard.pages import CONTENT_HEADERS, Pages, error_text, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of

PATH = f"{PREFIX}/notifications"
_KEPT = ("q", "status", "channel", "from", "to")


def routes(notifications: DashboardNotifications, contents: Contents, pages: Pages, viewers: Viewers) -> APIRouter:
    """Search, details, content, and actions."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    _show(router, notifications, pages, viewers)
    _send(router, notifications, pages, viewers)
    _decide(router, notifications, pages, viewers)
    _content(router, notifications, contents, pages, viewers)
    return router


def _show(router: APIRouter, notifications: DashboardNotifications, pages: Pages, viewers: Viewers) -> None:
    signed_in = viewers.requires()

    @router.get("")
    async def search_notifications(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
        return await _search(request, caller, notifications, pages)

    @router.get("/{notification_id}")
    async def show_notification(
        request: Request, caller: Annotated[Caller, Depends(signed_in)], notification_id: UUID
    ) -> Response:
        return _page(request, pages, await notifications.whole(caller, notification_id))


def _send(router: APIRouter, notifications: DashboardNotifications, pages: Pages, viewers: Viewers) -> None:
    sends = viewers.requires(Scope.NOTIFICATIONS_SEND)

    @router.post("/{notification_id}/cancel", dependencies=[Depends(form_of)])
    async def cancel(request: Request, caller: Annotated[Caller, Depends(sends)], notification_id: UUID) -> Response:
        try:
            await notifications.cancel(actor_of(request, caller), notification_id)
        except Conflict as fault:
            return _page(request, pages, await notifications.whole(caller, notification_id), fault)
        return redirect(f"{PATH}/{notification_id}?done=cancelled")

    @router.post("/{notification_id}/send-again", dependencies=[Depends(form_of)])
    async def send_again(
        request: Request, caller: Annotated[Caller, Depends(sends)], notification_id: UUID
    ) -> Response:
        whole = await notifications.whole(caller, notification_id)
        try:
            made = await notifications.send_again(actor_of(request, caller), whole.view)
        except Rejected as fault:
            return _page(request, pages, whole, fault)
        return redirect(f"{PATH}/{made}?done=sent_again")


def _decide(router: APIRouter, notifications: DashboardNotifications, pages: Pages, viewers: Viewers) -> None:
    decides = viewers.requires(Scope.DEAD_LETTERS_MANAGE)

    @router.post("/{notification_id}/resolve")
    async def resolve(
        request: Request,
        caller: Annotated[Caller, Depends(decides)],
        notification_id: UUID,
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        decision = form.get("as", "")
        if decision not in RESOLUTIONS:
            raise ValidationFailed.of("as", "must be sent, failed or retry")
        try:
            await notifications.resolve(actor_of(request, caller), notification_id, decision)
        except Conflict as fault:
            return _page(request, pages, await notifications.whole(caller, notification_id), fault)
        return redirect(f"{PATH}/{notification_id}?done=resolved")


def _page(request: Request, pages: Pages, whole: Whole, fault: Rejected | None = None) -> Response:
    values = {
        "facts": facts_of(whole.view),
        "timeline": timeline_of(whole.events),
        "why": whole.why.model_dump(),
        "letter": None if whole.letter is None else str(whole.letter.id),
        "fault": None if fault is None else error_text(fault),
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "notification", values, status=status)


def _content(
    router: APIRouter, notifications: DashboardNotifications, contents: Contents, pages: Pages, viewers: Viewers
) -> None:
    reads = viewers.requires(Scope.NOTIFICATIONS_SEND)

    @router.get("/{notification_id}/content")
    async def show_content(
        request: Request, caller: Annotated[Caller, Depends(reads)], notification_id: UUID
    ) -> Response:
        """The content of a notification. Viewing it is recorded in the audit log."""
        view = await notifications.view(caller, notification_id)
        parts = await contents.parts(caller.tenant, view)
        await notifications.content_was_viewed(actor_of(request, caller), notification_id)
        return pages.page(request, viewer_of(request), "content", {"parts": parts, "facts": facts_of(view)})

    @router.get("/{notification_id}/content/html")
    async def show_html(caller: Annotated[Caller, Depends(reads)], notification_id: UUID) -> Response:
        view = await notifications.view(caller, notification_id)
        html = (await contents.parts(caller.tenant, view)).get("html")
        if html is None:
            raise NotFound
        return HTMLResponse(with_mode(html, Mode.LIGHT), headers=dict(CONTENT_HEADERS))


async def _search(request: Request, caller: Caller, notifications: DashboardNotifications, pages: Pages) -> Response:
    given = {name: value for name, value in request.query_params.items() if value}
    form = {name: given.get(name, "") for name in _KEPT}
    choices = {"statuses": [status.value for status in Status], "channels": [channel.value for channel in Channel]}
    cursor = given.get("cursor")
    search = Search()
    try:
        search = search_of(given)
        results = await notifications.search(caller, search, cursor)
    except ValidationFailed as fault:
        return pages.page(
            request,
            viewer_of(request),
            "notifications",
            {
                "form": form,
                "fault": error_text(fault),
                **choices,
            },
            status=fault.http_status,
        )
    if isinstance(results, UUID):
        return redirect(f"{PATH}/{results}")
    found = results.found
    older = f"{PATH}?{urlencode({**_kept(given), 'cursor': found.next_cursor})}" if found.next_cursor else None
    return pages.page(
        request,
        viewer_of(request),
        "notifications",
        {
            "form": form,
            "rows": [row_of(view) for view in found.rows],
            "total": found.total,
            "older": older,
            "newest": f"{PATH}?{urlencode(_kept(given))}" if cursor else None,
            "searched": bool(_kept(given)),
            "address": search.address,
            "users": results.users,
            **choices,
        },
    )


def _kept(given: Mapping[str, str]) -> Mapping[str, str]:
    return {name: given[name] for name in _KEPT if name in given}
