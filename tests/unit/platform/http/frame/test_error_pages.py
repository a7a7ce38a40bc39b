"""Errors as pages: only for browsers that navigate, with what the envelope's answer says in its head."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from angarium.platform.http.frame.error_pages import ErrorPageMiddleware

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def client() -> httpx2.AsyncClient:
    """An app whose every path is refused but `/fine` and `/text`."""

    async def refused(_: Request) -> Response:
        return JSONResponse({"message": "Wait"}, 503, headers={"retry-after": "7", "x-other": "1"})

    async def fine(_: Request) -> Response:
        return JSONResponse({"message": "Fine"})

    async def text(_: Request) -> Response:
        return Response("broken", 500, media_type="text/plain")

    def page(request: Request, status: int, message: str) -> Response:
        return HTMLResponse(f"<p>{request.url.path} {message}</p>", status)

    app = Starlette(
        routes=[Route("/fine", fine), Route("/text", text), Route("/{rest:path}", refused)],
        middleware=[Middleware(ErrorPageMiddleware, make=page, data_paths=("/api/",))],
    )
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")


async def test_a_browser_gets_a_page_with_the_status_and_when_to_come_back() -> None:
    async with client() as asking:
        answer = await asking.get("/x", headers={"accept": HTML})
    assert (answer.status_code, answer.text) == (503, "<p>/x Wait</p>")
    assert answer.headers["retry-after"] == "7"
    assert "x-other" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/x", "*/*"), ("/x", "application/json"), ("/x", f"application/json, {HTML}"), ("/api/x", HTML), ("/x", "")],
)
async def test_programs_get_the_envelope(path: str, accept: str) -> None:
    async with client() as asking:
        answer = await asking.get(path, headers={"accept": accept})
    assert answer.json() == {"message": "Wait"}


@pytest.mark.parametrize(("path", "content"), [("/fine", b'{"message":"Fine"}'), ("/text", b"broken")])
async def test_what_is_no_envelope_of_an_error_passes(path: str, content: bytes) -> None:
    async with client() as asking:
        assert (await asking.get(path, headers={"accept": HTML})).content == content
