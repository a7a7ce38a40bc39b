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


def routes(*, mailbox: bool) -> APIRouter:
    """A static page, which loads nothing from other servers; with `mailbox` it links to the mailbox."""
    router = APIRouter(include_in_schema=False)
    page = _page(mailbox=mailbox)

    @router.get("/", response_class=HTMLResponse)
    async def home(request: Request) -> HTMLResponse:
        """The page; its command names the address under which the browser reached it."""
        address = escape(request.url.netloc)
        return HTMLResponse(page.replace(_ADDRESS, address), headers=_HEADERS)

    return router


def _page(*, mailbox: bool) -> str:
    links = (_MAILBOX_LINK, *_LINKS) if mailbox else _LINKS
    parts = {
        "/* shared */": styled(""),
        "<!-- links -->": "\n".join(_CARD.format(*link) for link in links),
        "<!-- version -->": __version__,
    }
    page = files("angarium.services.gateway.home").joinpath("home.html").read_text(encoding="utf-8")
    for place, text in parts.items():
        page = page.replace(place, text)
    return page
