"""The look of every page: layout, navigation, headers, assets."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from angarium import __version__
from angarium.contracts.errors import NotFound, Rejected
from angarium.contracts.scopes import Scope
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.dependencies import HIGHEST_PAGE
from angarium.platform.http.pages.style import styled
from angarium.platform.http.pages.templates import Pages as LiquidPages
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewer

PACKAGE = "angarium.services.gateway.dashboard"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
CONTENT_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Of a mail in its frame: no script, no form, no origin, nothing loaded from anywhere."""
DONE: Mapping[str, str] = {
    "cancelled": "Cancelled.",
    "sent_again": "Accepted as a new notification: this one.",
    "resolved": "Decided.",
    "replayed": "Replayed: it is being sent again.",
    "discarded": "Discarded.",
    "breaker_set": "Set. Workers follow within 5 seconds.",
    "suppressed": "Added. The address gets nothing from now on.",
    "unsuppressed": "Removed.",
    "draft_saved": "Saved as a draft: this version. Nothing is sent with it until you publish it.",
    "template_made": "The template is there, and its first version is published: calls can use it.",
    "published": "Published: sent from now on. What was accepted before keeps its version.",
    "archived": "Archived: no call can use the template. What was accepted with it is still sent.",
    "test_sent": "Accepted like any other notification: this one.",
    "preferences_saved": "Saved. It counts for everything sent from now on.",
    "device_removed": "Removed. Nothing is pushed to it any more.",
    "erased": "Erased, with devices and preferences. What notifications hold of the user is erased in the background.",
    "key_revoked": "Revoked. It is refused everywhere within 60 seconds.",
    "operator_revoked": "Revoked. Their sessions have ended.",
}
"""What a page says after a form. Only these words: an address that someone was sent shows no text of its sender."""
_ASSETS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PROVIDERS, TENANTS, SETTINGS = f"{PREFIX}/providers", f"{PREFIX}/tenants", f"{PREFIX}/settings"
_OF_THE_SYSTEM = frozenset({PROVIDERS, TENANTS, SETTINGS})
"""For operators of the default tenant alone."""
_NAVIGATION: Sequence[tuple[str, str, Scope | None]] = (
    ("/", "Overview", None),
    (f"{PREFIX}/notifications", "Notifications", None),
    (f"{PREFIX}/dead-letters", "Dead letters", None),
    (PROVIDERS, "Providers", None),
    (f"{PREFIX}/suppressions", "Suppressions", None),
    (f"{PREFIX}/users", "Users", None),
    (f"{PREFIX}/templates", "Templates", None),
    (f"{PREFIX}/keys", "Keys", Scope.ADMIN),
    (TENANTS, "Tenants", Scope.ADMIN),
    (f"{PREFIX}/operators", "Operators", Scope.ADMIN),
    (f"{PREFIX}/audit", "Audit", Scope.ADMIN),
    (SETTINGS, "Settings", Scope.ADMIN),
)


class Pages:
    """Renders pages. With `mailbox` they link to it."""

    def __init__(self, *, mailbox: bool) -> None:
        self.templates = LiquidPages(PACKAGE)
        self._mailbox = mailbox

    def page(
        self,
        request: Request,
        viewer: Viewer,
        name: str,
        values: Mapping[str, Any],
        *,
        status: int = HTTPStatus.OK,
    ) -> Response:
        """A page for someone who is signed in. `values` as of `platform.http.pages.templates.Pages`."""
        return self._response(name, {**self._around(request, viewer), **values}, status)

    def plain(self, name: str, values: Mapping[str, Any], *, status: int = HTTPStatus.OK) -> HTMLResponse:
        """A page for anyone."""
        return self._response(name, {"mailbox": self._mailbox, "version": __version__, **values}, status)

    def part(self, name: str, values: Mapping[str, Any]) -> str:
        """A part of a page, as HTML."""
        return self.templates.render(name, values)

    def _response(self, name: str, values: Mapping[str, Any], status: int) -> HTMLResponse:
        return HTMLResponse(self.templates.render(name, values), status_code=status, headers=dict(HEADERS))

    def _around(self, request: Request, viewer: Viewer) -> dict[str, Any]:
        path = request.url.path.rstrip("/") or "/"
        runs_the_system = viewer.caller.tenant == DEFAULT_TENANT
        return {
            "mailbox": self._mailbox,
            "version": __version__,
            "token": viewer.token,
            "operator": {
                "name": viewer.session.operator.name,
                "role": viewer.session.operator.role.value,
                "tenant": viewer.caller.tenant,
            },
            "may": {scope.name.lower(): viewer.may(scope) for scope in Scope},
            "runs_the_system": runs_the_system,
            "done": DONE.get(request.query_params.get("done", "")),
            "navigation": [
                {"href": href, "name": text, "here": path == href or (href != "/" and path.startswith(f"{href}/"))}
                for href, text, scope in _NAVIGATION
                if (scope is None or viewer.may(scope)) and (runs_the_system or href not in _OF_THE_SYSTEM)
            ],
        }


def asset(name: str) -> Response:
    """A file of `static`. The style is the shared one and that of the dashboard. Raises NotFound."""
    suffix = name[name.rfind(".") :]
    path = files(PACKAGE) / "static" / name
    if suffix not in _ASSETS or "/" in name or not path.is_file():
        raise NotFound
    text = path.read_text("utf-8")
    return Response(
        styled(text) if suffix == ".css" else text,
        media_type=_ASSETS[suffix],
        headers={**HEADERS, "cache-control": "no-cache"},
    )


def see(path: str) -> RedirectResponse:
    """Send the browser to `path` after a form, so that loading the page again does not repeat it."""
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER, headers=dict(HEADERS))


def page_number(request: Request) -> int:
    """The number of the page that is asked for; 1 where it is none."""
    given = request.query_params.get("page", "")
    return max(1, int(given)) if given.isdecimal() and len(given) <= len(str(HIGHEST_PAGE)) else 1


def pager(path: str, query: Mapping[str, str], page: int, more: bool) -> Mapping[str, str | None]:
    """The addresses of the pages beside `page`; `more`: there may be one behind it."""
    kept = {name: value for name, value in query.items() if value}

    def at(number: int) -> str:
        return f"{path}?{urlencode({**kept, 'page': number})}"

    return {"newer": at(page - 1) if page > 1 else None, "older": at(page + 1) if more else None}


def words_of(fault: Rejected) -> str:
    """A refusal in a line: its message, and each field that is wrong."""
    details = "; ".join(f"{detail.field}: {detail.message}" for detail in fault.details)
    return f"{fault.message}: {details}" if details else fault.message
