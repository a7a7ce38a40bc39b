"""Calls over a link are calls: status, headers, content and errors as over a connection."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from io import StringIO

import pytest

from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.platform.http.client.exchange import Answer, ConnectionLost
from angarium.platform.http.client.linked import LinkedExchange, serve_calls
from angarium.platform.link.link import Link
from angarium.platform.telemetry.logging import make_logger


class _Service:
    """Answers with what it was asked."""

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        if target == "/gone":
            raise ConnectionRefusedError
        if "\n" in "".join(headers.values()):
            raise ValueError("a header holds a line break")
        status = 503 if target == "/down" else 201
        return Answer(status, {"x-asked": f"{method} {target}", **headers}, content)

    async def close(self) -> None: ...


@pytest.fixture
async def links() -> AsyncIterator[tuple[Link, Link]]:
    logger = make_logger("tests", format="json", stream=StringIO())
    ours, theirs = socket.socketpair()
    async with AsyncExitStack() as stack:
        parent, child = await Link.over(ours, logger), await Link.over(theirs, logger)
        stack.push_async_callback(parent.close)
        stack.push_async_callback(child.close)
        serve_calls(parent, {"users": _Service()})
        yield parent, child


async def test_an_answer_comes_as_the_service_gave_it(links: tuple[Link, Link]) -> None:
    answer = await LinkedExchange(links[1], "users").ask("POST", "/a?b=%20c", {"x-name": "Zoë"}, b"\x00\xff")
    assert (answer.status_code, answer.content) == (201, b"\x00\xff")
    assert answer.headers == {"x-asked": "POST /a?b=%20c", "x-name": "Zoë"}


async def test_a_client_uses_it_like_the_network(links: tuple[Link, Link]) -> None:
    client = ServiceClient("http://users", service_token="t", name="users", exchange=LinkedExchange(links[1], "users"))
    assert (await client.get("/a", tenant="acme")).headers["x-service-token"] == "t"
    for path in ("/down", "/gone"):
        with pytest.raises(ServiceDown):
            await client.get(path, tenant="acme")
    await links[0].close()
    with pytest.raises(ServiceDown):
        await client.get("/a", tenant="acme")


async def test_a_header_with_a_line_break_is_an_error(links: tuple[Link, Link]) -> None:
    with pytest.raises(ValueError, match="line break"):
        await LinkedExchange(links[1], "users").ask("GET", "/a", {"x": "a\nb"}, b"")


async def test_the_end_of_the_parent_is_a_lost_connection(links: tuple[Link, Link]) -> None:
    await links[0].close()
    with pytest.raises(ConnectionLost):
        await LinkedExchange(links[1], "users").ask("GET", "/a", {}, b"")
