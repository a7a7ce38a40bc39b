"""What all pages share: layout, navigation, security headers, messages after a form, assets."""

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
"""Headers for the HTML of an email in its sandboxed frame: no scripts, no forms, no remote content."""
DONE: Mapping[str, str] = {
    "cancelled": "Cancelled.",
    "sent_again": "Accepted as a new notification, which this page shows.",
    "resolved": "Outcome saved.",
    "replayed": "Replayed. The notification is being sent again.",
    "discarded": "Discarded.",
    "breaker_set": "Saved. Workers apply it within 5 seconds.",
    "suppressed": "Added. Nothing is sent to the address from now on.",
    "unsuppressed": "Removed.",
    "draft_saved": "Saved as a draft, which this page shows. It is not sent until you publish it.",
    "template_made": "Template created. Its first version is published, so calls can use it.",
    "published": "Published. New notifications use this version; accepted ones keep theirs.",
    "archived": "Archived. Calls can no longer use the template; accepted notifications are still sent.",
    "test_sent": "The test message was accepted. This page shows its notification.",
    "preferences_saved": "Saved. The preferences apply to everything sent from now on.",
    "device_removed": "Removed. The device receives no more push messages.",
    "erased": "Erased, with devices and preferences. The user's data in notifications is erased in the background.",
    "key_revoked": "Revoked. All services refuse the key within 60 seconds.",
    "operator_revoked": "Revoked. The operator's sessions have ended.",
}
"""The messages after a form, by the query parameter `done`. Other values show nothing, so a link cannot inject text."""
_ASSETS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PROVIDERS, TENANTS, SETTINGS = f"{PREFIX}/providers", f"{PREFIX}/tenants", f"{PREFIX}/settings"
_SYSTEM_PAGES = frozenset({PROVIDERS, TENANTS, SETTINGS})
"""Pages for operators of the default tenant only."""
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
    """Renders pages. `mailbox`: whether there is a mailbox to link to."""

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
        """A page with navigation for a signed-in operator. `values` as in `platform.http.pages.templates.Pages`."""
        return self._response(name, {**self._layout(request, viewer), **values}, status)

    def plain(self, name: str, values: Mapping[str, Any], *, status: int = HTTPStatus.OK) -> HTMLResponse:
        """A page without navigation, for visitors who are not signed in."""
        return self._response(name, {"mailbox": self._mailbox, "version": __version__, **values}, status)

    def part(self, name: str, values: Mapping[str, Any]) -> str:
        """Render a fragment of a page as HTML."""
        return self.templates.render(name, values)

    def _response(self, name: str, values: Mapping[str, Any], status: int) -> HTMLResponse:
        return HTMLResponse(self.templates.render(name, values), status_code=status, headers=dict(HEADERS))

    def _layout(self, request: Request, viewer: Viewer) -> dict[str, Any]:
        path = request.url.path.rstrip("/") or "/"
        shows_system = viewer.caller.tenant == DEFAULT_TENANT
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
            "shows_system": shows_system,
            "done": DONE.get(request.query_params.get("done", "")),
            "navigation": [
                {"href": href, "name": text, "here": path == href or (href != "/" and path.startswith(f"{href}/"))}
                for href, text, scope in _NAVIGATION
                if (scope is None or viewer.may(scope)) and (shows_system or href not in _SYSTEM_PAGES)
            ],
        }


def asset(name: str) -> Response:
    """A file of `static`. A style sheet includes the styles shared by all pages. Raises NotFound."""
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


def redirect(path: str) -> RedirectResponse:
    """Redirect to `path` after a form with a 303, so that reloading the page does not submit the form again."""
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER, headers=dict(HEADERS))


def page_number(request: Request) -> int:
    """The query parameter `page`; 1 if it is missing or not a valid page number."""
    given = request.query_params.get("page", "")
    return max(1, int(given)) if given.isdecimal() and len(given) <= len(str(HIGHEST_PAGE)) else 1


def pager(path: str, query: Mapping[str, str], page: int, more: bool) -> Mapping[str, str | None]:
    """The URLs of the pages before and after `page`, as `newer` and `older`. `more`: there may be a page after it."""
    kept = {name: value for name, value in query.items() if value}

    def at(number: int) -> str:
        return f"{path}?{urlencode({**kept, 'page': number})}"

    return {"newer": at(page - 1) if page > 1 else None, "older": at(page + 1) if more else None}


def error_text(fault: Rejected) -> str:
    """An error as one line: its message, and each invalid field."""
    details = "; ".join(f"{detail.field}: {detail.message}" for detail in fault.details)
    return f"{fault.message}: {details}" if details else fault.message
