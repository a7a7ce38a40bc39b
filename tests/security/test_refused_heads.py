"""A caller without valid credentials is refused from the head of its request, whatever body it sends."""

import asyncio
from collections.abc import Iterator
from time import monotonic

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.security.raw import connected, memory, processor_time
from tests.support.system import EmbeddedSystem, running

pytestmark = pytest.mark.slow

BULK = "/api/v1/notifications/bulk"
PIECE = b"{},[],1," * 8192
BODY = 16 * 1024 * 1024
CLIENTS = 40
MEGABYTES = 30
SECONDS = 1.5
"""Of processor time. Bodies that are read and parsed take 9 s."""
PATHS = (BULK, "/api/v1/notifications", "/api/v1/users", "/api/v1/users/import", "/api/v1/templates", "/users/import")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("heads"), sink=sink)) as system:
        yield system


def head(path: str, *more: str, method: str = "POST") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "host: localhost", "content-type: application/json", *more)
    return "\r\n".join((*lines, "", "")).encode()


async def refused(system: EmbeddedSystem, path: str, *more: str, chunked: bool = False) -> tuple[int, bytes]:
    """Send 16 MB as fast as they are taken; the status, and all that came."""
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {BODY}"
    piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    async with connected(system.ports["angarium"]) as client:
        await client.write(head(path, framing, *more))
        flood = asyncio.create_task(client.flood(piece, 16))
        said = await client.closed(10)
        await flood
    return int(said.split(b" ", 2)[1]) if said else 0, said


async def health_while(system: EmbeddedSystem, work: asyncio.Task[list[tuple[int, bytes]]]) -> float:
    """The longest time that `/health` took while `work` was under way."""
    longest = 0.0
    while not work.done():
        started = monotonic()
        async with connected(system.ports["angarium"]) as client:
            await client.write(head("/health", method="GET"))
            assert (await client.answer(10))[0] == 200
        longest = max(longest, monotonic() - started)
        await asyncio.wait([work], timeout=0.02)
    return longest


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_without_a_key_cost_neither_memory_nor_time(system: EmbeddedSystem, chunked: bool) -> None:
    before, used = memory(system), processor_time(system)

    async def all_of_them() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(refused(system, BULK, chunked=chunked) for _ in range(CLIENTS)))

    work = asyncio.create_task(all_of_them())
    assert await health_while(system, work) < 5, "what stops the process shows; what slows the machine does not"
    answers = work.result()
    assert {status for status, _ in answers} == {401}
    assert all(b"connection: close" in said.lower() for _, said in answers)
    assert memory(system) - before < MEGABYTES
    assert processor_time(system) - used < SECONDS


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["", "x-api-key: ang_live_none", "authorization: Bearer a.b.c", "x-service-token: x"])
async def test_every_route_refuses_from_the_head(system: EmbeddedSystem, path: str, key: str) -> None:
    """Nothing but the head is sent."""
    for framing in ("content-length: 1000", "transfer-encoding: chunked"):
        async with connected(system.ports["angarium"]) as client:
            await client.write(head(path, framing, *([key] if key else [])))
            said = await client.closed(3)
            assert said.startswith(b"HTTP/1.1 401"), (path, framing)
            assert b"connection: close" in said.lower()


async def test_a_401_comes_instead_of_100_continue(system: EmbeddedSystem) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(head(BULK, "content-length: 1000", "expect: 100-continue"))
        said = await client.closed(3)
        assert said.startswith(b"HTTP/1.1 401")
    async with connected(system.ports["angarium"]) as client:
        await client.write(head(BULK, "content-length: 2", "expect: 100-continue", f"x-api-key: {system.key}"))
        assert await client.interim() == 100
        await client.write(b"{}")
        assert (await client.answer())[0] == 400


async def test_nothing_is_answered_after_a_refused_body(system: EmbeddedSystem) -> None:
    """What follows a body that is not read may be part of it."""
    for body in (b"{}", b"{"):
        async with connected(system.ports["angarium"]) as client:
            await client.write(head(BULK, "content-length: 2") + body + head("/health", method="GET"))
            said = await client.closed(3)
            assert (said.startswith(b"HTTP/1.1 401"), said.count(b"HTTP/1.1")) == (True, 1)


async def test_a_known_caller_keeps_its_connection(system: EmbeddedSystem) -> None:
    key = f"x-api-key: {system.key}"
    async with connected(system.ports["angarium"]) as client:
        for _ in range(3):
            await client.write(head("/api/v1/notifications?colour=red", "content-length: 100000", key))
            assert (await client.answer())[0] == 400
            await client.write(b" " * 100_000)
            await client.write(head("/health", method="GET"))
            assert (await client.answer())[0] == 200


async def test_a_refusal_without_a_body_keeps_the_connection(system: EmbeddedSystem) -> None:
    async with connected(system.ports["angarium"]) as client:
        for _ in range(2):
            await client.write(head("/api/v1/notifications", method="GET"))
            assert (await client.answer())[0] == 401


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v1/notifications", 16_777_216),
        ("/api/v1/notifications/", 16_777_216),
        (BULK, 16_777_216),
        (f"{BULK}/", 16_777_216),
        ("/api/v1/users/import", 16_777_216),
        ("/api/v1/users/import/x", 262_144),
        ("/api/v1/templates", 262_144),
        ("/api/v1/auth/login", 32_768),
        ("/preferences/x", 32_768),
        ("/unsubscribe/x", 32_768),
    ],
)
async def test_a_413_states_the_limit_of_its_route(system: EmbeddedSystem, path: str, limit: int) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(head(path, f"content-length: {limit + 1}", f"x-api-key: {system.key}"))
        status, body = await client.answer()
        if path == "/api/v1/users/import/x":
            assert status in {404, 413}
        else:
            assert (status, body["error"]["code"]) == (413, "payload_too_large")
            assert str(limit) in body["message"]


async def test_paths_that_exist_nowhere_take_no_body(system: EmbeddedSystem) -> None:
    for path in (f"{BULK}x", f"{BULK}/x/y", "/internal/v1/mailboxes", "/nowhere"):
        status, _ = await refused(system, path)
        assert status in {404, 405}, path


async def test_a_valid_caller_cannot_freeze_the_gateway_with_a_body(system: EmbeddedSystem) -> None:
    """15 MB of JSON in which every few bytes are a value."""

    async def send_all() -> list[tuple[int, bytes]]:
        answers = []
        for _ in range(3):
            async with connected(system.ports["angarium"]) as client:
                framing = ("connection: close", f"content-length: {15 * 1_048_576 + 3}")
                await client.write(head(BULK, *framing, f"x-api-key: {system.key}") + b"[")
                await client.flood(PIECE, 15)
                await client.write(b"1]")
                said = await client.closed(30)
                answers.append((int(said.split(b" ", 2)[1]), said))
        return answers

    work = asyncio.create_task(send_all())
    assert await health_while(system, work) < 5, "what stops the process shows; what slows the machine does not"
    assert {status for status, _ in work.result()} == {413}
