"""`GET /`: what runs here and where to go on."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from angarium import __version__

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LINKS = (
    ("/docs", "API documentation", "every path, body and code"),
    ("/health", "Health", f"version {__version__}"),
    ("/ready", "Readiness", "database, broker and cache"),
    ("/metrics", "Metrics", "for Prometheus"),
)
_MAILBOX_LINK = ("/mailbox", "Mailbox", "what was caught instead of being sent")


class HomeRoutes:
    """A page without scripts or anything from elsewhere."""

    def __init__(self, *, mailbox: bool) -> None:
        links = (*_LINKS[:1], _MAILBOX_LINK, *_LINKS[1:]) if mailbox else _LINKS
        items = "\n".join(f'<li><a href="{path}">{name}</a><span>{words}</span></li>' for path, name, words in links)
        page = files("angarium.services.gateway").joinpath("home.html").read_text(encoding="utf-8")
        self._page = page.replace("<!-- links -->", items)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.home, methods=["GET"], response_class=HTMLResponse)
        return router

    async def home(self) -> HTMLResponse:
        """The page."""
        return HTMLResponse(self._page, headers={"content-security-policy": _POLICY, "x-frame-options": "DENY"})
