"""`GET /`: the home page, with links and a command to paste."""

from html import escape
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from angarium import __version__
from angarium.platform.http.pages.style import styled

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_LINKS = (
    ("/docs", "API documentation", "Browse and try every endpoint"),
    ("/health", "Health", "Liveness check"),
    ("/ready", "Readiness", "Readiness check: database, broker and cache"),
    ("/metrics", "Metrics", "Prometheus metrics"),
)
_MAILBOX_LINK = ("/mailbox", "Mailbox", "Messages caught in development")
_ADDRESS = "<!-- address -->"
_CARD = '<li><a class="card" href="{}"><strong>{}</strong><span>{}</span></a></li>'


class HomeRoutes:
    """A static page; it loads nothing from other servers."""

    def __init__(self, *, mailbox: bool) -> None:
        links = (_MAILBOX_LINK, *_LINKS) if mailbox else _LINKS
        parts = {
            "/* shared */": styled(""),
            "<!-- links -->": "\n".join(_CARD.format(*link) for link in links),
            "<!-- version -->": __version__,
        }
        page = files("angarium.services.gateway.home").joinpath("home.html").read_text(encoding="utf-8")
        for place, text in parts.items():
            page = page.replace(place, text)
        self._page = page

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.home, methods=["GET"], response_class=HTMLResponse)
        return router

    async def home(self, request: Request) -> HTMLResponse:
        """The page; its command names the address under which the browser reached it."""
        address = escape(request.url.netloc)
        return HTMLResponse(self._page.replace(_ADDRESS, address), headers=_HEADERS)
