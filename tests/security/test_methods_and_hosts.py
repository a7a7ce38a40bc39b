"""Methods, hosts, queries and media types, over raw sockets."""

import asyncio
from collections.abc import Iterator

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.security.raw import Client, connected
from tests.support.system import EmbeddedSystem, running

pytestmark = pytest.mark.slow

PATH = "/api/v1/notifications"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("methods"), sink=sink)) as system:
        yield system


async def said(system: EmbeddedSystem, request: str, *lines: str, host: str = "localhost", body: bytes = b"") -> bytes:
    """All that comes back for one request, after which the connection closes."""
    head = (f"{request} HTTP/1.1", f"host: {host}", "connection: close", *lines)
    length = (f"content-length: {len(body)}",) if body else ()
    async with connected(system.ports["angarium"]) as client:
        await client.write("\r\n".join((*head, *length, "", "")).encode() + body)
        return await client.closed()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def headers_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize(
    "path",
    ["/health", "/ready", "/openapi.json", "/docs", "/", PATH, f"{PATH}/", f"{PATH}/none", "/api/v1/users", "/nowhere"],
)
async def test_head_is_get_without_a_body(system: EmbeddedSystem, path: str) -> None:
    key = f"x-api-key: {system.key}"
    got, head = await said(system, f"GET {path}", key), await said(system, f"HEAD {path}", key)
    assert status_of(got) == status_of(head)
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
    mine, theirs = headers_of(got), headers_of(head)
    assert mine.keys() == theirs.keys()
    for name in ("content-type", "content-length"):
        assert path == "/ready" or mine.get(name) == theirs.get(name)


async def test_a_head_without_a_key_is_a_401(system: EmbeddedSystem) -> None:
    assert status_of(await said(system, f"HEAD {PATH}")) == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_connection_goes_on_after_a_head(system: EmbeddedSystem, method: str) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(f"HEAD /api/v1/users HTTP/1.1\r\nhost: x\r\nx-api-key: {system.key}\r\n\r\n".encode())
        assert await client.interim() == 200
        await client.write(f"{method} /health HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert await client.interim() == 200


@pytest.mark.parametrize(
    ("request_", "status", "allowed"),
    [
        ("OPTIONS *", 204, {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}),
        (f"OPTIONS {PATH}", 405, {"GET", "HEAD", "POST"}),
        ("OPTIONS /health", 405, {"GET", "HEAD"}),
        ("OPTIONS /users", 405, {"GET", "HEAD", "POST"}),
        (f"PUT {PATH}", 405, {"GET", "HEAD", "POST"}),
        (f"DELETE {PATH}/bulk", 405, {"GET", "HEAD", "POST"}),
        ("POST /health", 405, {"GET", "HEAD"}),
        (f"BREW {PATH}", 400, None),
        (f"PROPFIND {PATH}", 405, {"GET", "HEAD", "POST"}),
        ("GET *", 404, None),
        ("OPTIONS /nowhere", 404, None),
        ("TRACE /", 405, {"GET", "HEAD"}),
    ],
)
async def test_the_allowed_methods_of_a_path_are_listed(
    system: EmbeddedSystem, request_: str, status: int, allowed: set[str] | None
) -> None:
    answer = await said(system, request_)
    assert status_of(answer) == status
    if allowed is not None:
        assert set(headers_of(answer)["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["a", "b"],
        ["a", "a"],
        ["a b"],
        ["a/b"],
        ["user@a"],
        ["a:b"],
        ["a:123456"],
        ["[::1"],
        ["a,b c"],
        ["a#b"],
        ["a\\b"],
    ],
)
async def test_a_bad_host_is_a_400(system: EmbeddedSystem, hosts: list[str]) -> None:
    lines = "".join(f"host: {host}\r\n" for host in hosts)
    async with connected(system.ports["angarium"]) as client:
        await client.write(f"GET /health HTTP/1.1\r\n{lines}\r\n".encode())
        status, body = await client.answer()
        assert (status, body["error"]["code"]) == (400, "validation_error")
        assert await client.closed() == b""


@pytest.mark.parametrize("host", ["a", "a.example:8000", "[::1]:8000", "127.0.0.1", "A_b.example", "a:", ""])
async def test_a_good_host_is_taken(system: EmbeddedSystem, host: str) -> None:
    assert status_of(await said(system, "GET /health", host=host)) == 200


async def test_http_1_0_needs_no_host(system: EmbeddedSystem) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(b"GET /health HTTP/1.0\r\n\r\n")
        assert status_of(await client.closed()) == 200


async def test_what_came_whole_before_bad_bytes_is_answered(system: EmbeddedSystem) -> None:
    """Otherwise the client could not know that its request was carried out."""
    async with connected(system.ports["angarium"]) as client:
        await client.write(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n" * 2 + b"\x00\x01\r\n\r\n")
        answers = await client.closed()
        assert answers.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (f"GET {PATH}?colour=red", {"colour"}),
        (f"GET {PATH}/?limit=1&colour=red&b=", {"colour", "b"}),
        (f"GET {PATH}?limit=1&limit=2", {"limit"}),
        (f"GET {PATH}?status=sent&status=failed", {"status"}),
        (f"HEAD {PATH}?colour=red", None),
        (f"POST {PATH}?dry_run=true", {"dry_run"}),
        (f"POST {PATH}/bulk/?x=1", {"x"}),
        ("GET /api/v1/users?colour=red", {"colour"}),
        ("GET /api/v1/users?page=1&page=2", {"page"}),
        ("GET /api/v1/templates?%63olour=red", {"colour"}),
        ("GET /api/v1/templates/x?version=1&v=2", {"v"}),
        ("DELETE /api/v1/users/019a9f00-0000-7000-8000-000000000001?force=1", {"force"}),
        ("GET /api/v1/keys?x", {"x"}),
        ("GET /api/v1/dead-letters?x=1", {"x"}),
        ("GET /api/notifications/queue/stats?x=1", {"x"}),
        ("GET /api/v1/mailbox/messages?x=1", {"x"}),
        ("POST /api/v1/auth/login?x=1", {"x"}),
    ],
)
async def test_unknown_and_repeated_query_parameters_are_named(
    system: EmbeddedSystem, request_: str, fields: set[str] | None
) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(f"{request_} HTTP/1.1\r\nhost: x\r\nx-api-key: {system.key}\r\n\r\n".encode())
        if fields is None:
            assert await client.interim() == 400
            return
        status, body = await client.answer()
        assert status == 400, body
        assert {detail["field"] for detail in body["error"]["details"]} == fields


@pytest.mark.parametrize(
    "request_",
    [
        "GET /health?x=1",
        "GET /api/health?x=1",
        "GET /ready?x=1&x=2",
        "GET /docs?x=1",
        "GET /?utm_source=mail",
        f"GET {PATH}?metadata.order=1&metadata[a]=2&limit=1&page=1",
        "GET /api/v1/users?search=a&limit=1",
        "GET /users?x=1",
    ],
)
async def test_other_queries_are_taken(system: EmbeddedSystem, request_: str) -> None:
    assert status_of(await said(system, request_, f"x-api-key: {system.key}")) == 200


@pytest.mark.parametrize("request_", ["GET /preferences/x?utm_source=a", "GET /unsubscribe/x?a=1&a=2"])
async def test_pages_for_people_take_any_query(system: EmbeddedSystem, request_: str) -> None:
    assert status_of(await said(system, request_)) == 404


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (f"POST {PATH}", "content-encoding: gzip"),
        (f"POST {PATH}", "content-type: text/plain"),
        ("POST /api/v1/users", "content-type: application/x-www-form-urlencoded"),
        ("POST /api/v1/templates", "content-encoding: br"),
        ("POST /api/v1/auth/login", "content-type: text/html"),
        ("POST /api/v1/users/import", "content-encoding: gzip"),
        ("POST /unsubscribe/x", "content-encoding: deflate"),
        (f"POST {PATH}", "content-type: application/json, text/plain"),
    ],
)
async def test_compressed_and_foreign_bodies_are_refused_from_the_head(
    system: EmbeddedSystem, request_: str, line: str
) -> None:
    async with connected(system.ports["angarium"]) as client:
        lines = (f"{request_} HTTP/1.1", "host: x", f"x-api-key: {system.key}", "content-length: 1000", line)
        await client.write("\r\n".join((*lines, "", "")).encode())
        status, body = await client.answer()
        assert (status, body["error"]["code"]) == (415, "unsupported_media_type")


async def test_an_api_key_is_taken_as_bearer(system: EmbeddedSystem) -> None:
    for path in (f"{PATH}?limit=1", "/api/v1/users", "/users", "/templates"):
        assert status_of(await said(system, f"GET {path}", f"authorization: Bearer {system.key}")) == 200
        assert status_of(await said(system, f"GET {path}", f"authorization: Bearer {system.key}x")) == 401


async def test_a_chunked_body_is_read_whole(system: EmbeddedSystem) -> None:
    async with connected(system.ports["angarium"]) as client:
        await _chunked(client, system, [b'{"nam', b'e": "A', b'da", "email": "ada@example.com"}'])
        status, body = await client.answer()
        assert (status, body["data"]["name"]) == (201, "Ada")
        await _chunked(client, system, [b" " * 65_536] * 5)
        status, body = await client.answer()
        assert (status, body["error"]["code"]) == (413, "payload_too_large")


async def _chunked(client: Client, system: EmbeddedSystem, chunks: list[bytes]) -> None:
    lines = ("POST /api/v1/users HTTP/1.1", "host: x", f"x-api-key: {system.key}", "content-type: application/json")
    await client.write("\r\n".join((*lines, "transfer-encoding: chunked", "", "")).encode())
    for chunk in (*chunks, b""):
        await client.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await asyncio.sleep(0)
