"""Entity tags: 304 where the client has what would be sent, 412 where it changes what it has not seen."""

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from angarium.contracts.errors import PreconditionFailed
from angarium.platform.http.frame.conditional import NotModifiedMiddleware, check_unchanged, tag


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    path = Request(scope).url.path
    response = Response(b"whole", 404 if path == "/missing" else 200, media_type="text/plain")
    if path != "/untagged":
        tag(response, 7)
    await response(scope, receive, send)


async def asked(method: str, path: str, known: str | None) -> httpx2.Response:
    transport = httpx2.ASGITransport(NotModifiedMiddleware(answer))
    headers = {} if known is None else {"If-None-Match": known}
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ['"7"', 'W/"7"', '"6", "7"', "*"])
async def test_what_the_client_has_is_not_sent_again(method: str, known: str) -> None:
    response = await asked(method, "/", known)
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"7"')
    assert not {"content-type", "content-length"} & response.headers.keys()


@pytest.mark.parametrize(
    ("method", "path", "known", "status"),
    [
        ("GET", "/", None, 200),
        ("GET", "/", '"6"', 200),
        ("GET", "/", "7", 200),
        ("GET", "/", "", 200),
        ("GET", "/untagged", "*", 200),
        ("GET", "/missing", '"7"', 404),
        ("POST", "/", '"7"', 200),
    ],
)
async def test_everything_else_is_sent(method: str, path: str, known: str | None, status: int) -> None:
    response = await asked(method, path, known)
    assert (response.status_code, response.content) == (status, b"whole")


@pytest.mark.parametrize("known", [None, "*", '"7"', '"6", "7"'])
def test_a_change_of_what_the_client_has_seen(known: str | None) -> None:
    check_unchanged(7, known)


@pytest.mark.parametrize("known", ['"6"', 'W/"7"', "7", ""])
def test_a_change_of_what_the_client_has_not_seen(known: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_unchanged(7, known)
