"""Error pages for browsers. For a 401 it is the sign-in form, which returns to the requested page."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from angarium.services.gateway.dashboard.pages import Pages
from angarium.services.gateway.dashboard.viewing import PREFIX, VISIT, cookie, form_token, local_path, put_cookie

SIGN_IN = f"{PREFIX}/sign-in"
DATA_PATHS = (
    "/api/",
    "/internal/",
    "/webhooks/",
    "/mailbox/messages",
    "/metrics",
    "/health",
    "/ready",
    "/openapi.json",
)
"""The paths where errors are JSON for every client."""
_ADVICE: Mapping[int, str] = {
    HTTPStatus.FORBIDDEN: "Your role does not allow this. An admin of your tenant can give you another one.",
    HTTPStatus.NOT_FOUND: "It may have been removed, or it belongs to another tenant.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A dependency does not answer. No accepted notification is lost. Try again soon.",
}


class ErrorPages:
    """Renders error pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def make(self, request: Request, status: int, message: str) -> Response:
        """The page for an error with this status and message."""
        if status == HTTPStatus.UNAUTHORIZED:
            return sign_in_page(self._pages, request, status=status)
        name, advice = HTTPStatus(status).phrase, _ADVICE.get(status)
        return self._pages.plain(
            "error",
            {
                "name": name,
                "status": status,
                "message": message,
                "advice": advice,
            },
            status=status,
        )


def sign_in_page(
    pages: Pages,
    request: Request,
    *,
    status: int = HTTPStatus.OK,
    fault: str | None = None,
    given: str = "",
    target: str | None = None,
) -> Response:
    """The sign-in form. After signing in, it leads to `target`, by default the requested page."""
    visit = cookie(request, VISIT) or secrets.token_urlsafe(32)
    target = target or _requested_page(request)
    response = pages.plain(
        "sign_in",
        {
            "token": form_token(visit),
            "target": local_path(target),
            "fault": fault,
            "name": given,
        },
        status=status,
    )
    put_cookie(request, response, VISIT, visit)
    return response


def _requested_page(request: Request) -> str:
    """The path and query of the request; `/` for forms and for the sign-in page itself."""
    path, query = request.url.path, request.url.query
    if request.method != "GET" or path.startswith(SIGN_IN):
        return "/"
    return f"{path}?{query}" if query else path
