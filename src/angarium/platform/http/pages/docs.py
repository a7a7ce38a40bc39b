"""The page at `/docs`: shows `/openapi.json` and loads no third-party assets."""

from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from angarium.platform.http.pages.style import styled

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_ASSETS = {"docs.js": "text/javascript", "docs.css": "text/css"}


def docs_routes(title: str) -> list[Route]:
    """`/docs` and its two assets, read once from the package."""
    page = _asset("docs.html").replace("{title}", escape(title))
    routes = [_route("/docs", page, "text/html")]
    return routes + [_route(f"/docs/{name}", _asset(name), kind) for name, kind in _ASSETS.items()]


def _asset(name: str) -> str:
    text = (files("angarium.platform.http.pages") / "docs_page" / name).read_text(encoding="utf-8")
    return styled(text) if name.endswith(".css") else text


def _route(path: str, text: str, media_type: str) -> Route:
    async def asset(_: Request) -> Response:
        return Response(text, media_type=media_type, headers=_HEADERS)

    return Route(path, asset, include_in_schema=False)
