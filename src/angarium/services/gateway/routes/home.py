"""`GET /`: what runs here and where to go on."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from angarium import __version__
from angarium.platform.http.page_style import styled

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
    ("/docs", "API documentation", "Every path, body and code; try them here"),
    ("/health", "Health", "Whether this process lives"),
    ("/ready", "Readiness", "Database, broker and cache"),
    ("/metrics", "Metrics", "For Prometheus"),
)
_MAILBOX_LINK = ("/mailbox", "Mailbox", "What was caught instead of being sent")
_CARD = '<li><a class="card" href="{}"><strong>{}</strong><span>{}</span></a></li>'


class HomeRoutes:
    """A page without scripts or anything from elsewhere."""

    def __init__(self, *, mailbox: bool) -> None:
        links = (_MAILBOX_LINK, *_LINKS) if mailbox else _LINKS
        parts = {
            "/* shared */": styled(""),
            "<!-- links -->": "\n".join(_CARD.format(*link) for link in links),
            "<!-- version -->": __version__,
        }
        page = files("angarium.services.gateway").joinpath("home.html").read_text(encoding="utf-8")
        for place, text in parts.items():
            page = page.replace(place, text)
        self._page = page

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.home, methods=["GET"], response_class=HTMLResponse)
        return router

    async def home(self) -> HTMLResponse:
        """The page."""
        return HTMLResponse(self._page, headers=_HEADERS)
