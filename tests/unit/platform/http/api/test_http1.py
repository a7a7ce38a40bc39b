"""The client of provider APIs on real sockets: what is known after each failure, and how connections are used."""

import asyncio
import math
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.http.api.port import MOST_READ, AnswerLost, NotSent, Untrusted
from angarium.testing.http_api import Reply, scripted_api
from tests.support.certificates import make_certificates
from tests.support.clock import ManualClock
from tests.support.servers.ports import free_port
from tests.support.wait import until

LARGE = b"x" * 4_000_000


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Http1Client]:
    client = Http1Client(options.pop("clock", None) or SystemClock(), **options)
    try:
        yield client
    finally:
        await client.close()


async def post(client: Http1Client, url: str, body: bytes = b"{}", **options: Any) -> Any:
    return await client.request("POST", url, headers={"x-a": "b"}, body=body, **options)


async def test_a_request_arrives_whole_and_its_answer_comes_back() -> None:
    async with (
        scripted_api(None, Reply(status=202, headers={"X-Message-Id": "m1"}, body="é")) as api,
        opened() as client,
    ):
        answer = await post(client, f"{api.origin}/v3/send?a=b%20c", b'{"a": 1}')
    assert (answer.status, answer.headers["x-message-id"], answer.body) == (202, "m1", "é".encode())
    [call] = api.calls
    assert (call.method, call.target, call.body) == ("POST", "/v3/send?a=b%20c", b'{"a": 1}')
    assert call.headers["host"] == f"127.0.0.1:{api.port}"
    assert call.headers["content-length"] == "8"
    assert (call.headers["x-a"], call.headers["accept-encoding"]) == ("b", "identity")
    assert call.headers["user-agent"].startswith("Angarium/")


async def test_requests_share_kept_connections_up_to_the_limit_of_the_origin() -> None:
    gate = asyncio.Event()
    async with scripted_api(lambda _call: Reply(after=gate)) as api, opened(per_origin=3) as client:
        asking = [asyncio.create_task(post(client, f"{api.origin}/")) for _ in range(20)]
        await until(lambda: len(api.calls) == 3)
        gate.set()
        assert [answer.status for answer in await asyncio.gather(*asking)] == [200] * 20
    assert (api.connections, api.most_open, len(api.calls)) == (3, 3, 20)


async def test_waiting_for_a_connection_of_the_origin_does_not_count_as_time_of_the_request() -> None:
    gate = asyncio.Event()
    async with scripted_api(lambda _call: Reply()) as api, opened(per_origin=1) as client:
        api.replies.append(Reply(after=gate))
        first = asyncio.create_task(post(client, f"{api.origin}/", timeout=30))
        await until(lambda: api.calls)
        second = asyncio.create_task(post(client, f"{api.origin}/", timeout=0.05))
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done
        gate.set()
        assert [(await first).status, (await second).status] == [200, 200]


async def test_an_idle_connection_that_the_server_closed_is_replaced() -> None:
    async with scripted_api() as api, opened() as client:
        api.hang_up_idle = True
        for _ in range(5):
            assert (await post(client, f"{api.origin}/")).status == 200
            await until(lambda: api.open == 0)
    assert (api.connections, len(api.calls)) == (5, 5)


async def test_a_close_that_the_loop_has_not_read_yet_is_seen_before_the_connection_is_used() -> None:
    """The close arrives while no callback of the loop runs: only the socket itself knows of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    def serve_one(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(answer)

    async with opened() as client:
        asking = asyncio.create_task(post(client, url))
        accepted = await asyncio.to_thread(lambda: listening.accept()[0])
        await asyncio.to_thread(serve_one, accepted)
        assert (await asking).status == 200
        accepted.close()  # and no await before the next request
        asking = asyncio.create_task(post(client, url))
        accepted = await asyncio.to_thread(lambda: listening.accept()[0])
        await asyncio.to_thread(serve_one, accepted)
        assert (await asking).status == 200
        accepted.close()
    listening.close()


async def test_an_idle_connection_grows_old() -> None:
    clock = ManualClock()
    async with scripted_api() as api, opened(clock=clock) as client:
        await post(client, f"{api.origin}/")
        await clock.advance(19)
        await post(client, f"{api.origin}/")
        assert api.connections == 1
        await clock.advance(21)
        await post(client, f"{api.origin}/")
        assert api.connections == 2


async def test_a_server_may_ask_for_a_shorter_life_of_idle_connections() -> None:
    clock = ManualClock()
    reply = Reply(headers={"Keep-Alive": "timeout=4, max=9"})
    async with scripted_api(lambda _call: reply) as api, opened(clock=clock) as client:
        await post(client, f"{api.origin}/")
        await clock.advance(3)
        await post(client, f"{api.origin}/")
    assert api.connections == 2


async def test_a_connection_that_the_answer_closes_is_not_used_again() -> None:
    async with scripted_api(lambda _call: Reply(close=True)) as api, opened() as client:
        for _ in range(3):
            assert (await post(client, f"{api.origin}/")).status == 200
    assert api.connections == 3


@pytest.mark.parametrize(
    "reply",
    [
        Reply(cut=0),
        Reply(cut=5),
        Reply(status=200, body="x" * 100, cut=90),
        Reply(cut=0, reset=True),
        Reply(status=200, body="x" * 100, cut=90, reset=True),
    ],
    ids=["closed", "half a head", "half a body", "reset", "half a body, reset"],
)
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
async def test_an_answer_that_is_lost_leaves_doubt_and_nothing_is_sent_again(reply: Reply, *, kept: bool) -> None:
    async with scripted_api() as api, opened() as client:
        if kept:
            await post(client, f"{api.origin}/")
        before = len(api.calls)
        api.replies.append(reply)
        with pytest.raises(AnswerLost):
            await post(client, f"{api.origin}/")
        assert len(api.calls) == before + 1
        assert (await post(client, f"{api.origin}/")).status == 200


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
async def test_an_answer_that_is_late_leaves_doubt(*, kept: bool) -> None:
    gate = asyncio.Event()
    async with scripted_api() as api, opened(seconds=0.1) as client:
        if kept:
            await post(client, f"{api.origin}/")
        api.replies.append(Reply(after=gate))
        with pytest.raises(AnswerLost, match=r"no answer within 0\.1 s"):
            await post(client, f"{api.origin}/")
        gate.set()
        assert (await post(client, f"{api.origin}/")).status == 200


async def test_a_body_that_was_not_written_in_full_was_not_sent() -> None:
    """The server takes the head and reads no more: the time is over while most of the body is still here."""
    release = asyncio.Event()
    async with scripted_api(lambda _call: Reply(after=release)) as api, opened() as client:
        api.unread_bodies = math.inf
        with pytest.raises(NotSent):
            await post(client, f"{api.origin}/", LARGE * 4, timeout=0.3)
        release.set()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_lost_within_a_large_body_is_no_doubt(*, reset: bool) -> None:
    async with scripted_api(lambda _call: Reply(cut=0, reset=reset)) as api, opened() as client:
        api.unread_bodies = math.inf
        with pytest.raises(NotSent):
            await post(client, f"{api.origin}/", LARGE * 4)


async def test_a_kept_connection_lost_within_the_request_is_tried_once_more_on_a_new_one() -> None:
    async with scripted_api() as api, opened() as client:
        await post(client, f"{api.origin}/")
        api.replies.append(Reply(cut=0))
        api.unread_bodies = 1
        assert (await post(client, f"{api.origin}/", LARGE * 4)).status == 200
    assert (api.connections, len(api.calls)) == (2, 3)


async def test_a_large_body_arrives_whole() -> None:
    async with scripted_api() as api, opened() as client:
        for _ in range(2):
            body = os.urandom(3_000_001)
            assert (await post(client, f"{api.origin}/", body)).status == 200
            assert api.calls[-1].body == body
    assert api.connections == 1


async def test_an_early_refusal_of_a_large_body_is_an_answer() -> None:
    async with scripted_api(lambda _call: Reply(status=413, close=True)) as api, opened() as client:
        api.unread_bodies = math.inf
        try:
            assert (await post(client, f"{api.origin}/", LARGE)).status == 413
        except NotSent:  # a server that closes with unread bytes sends a reset, which may overtake its answer
            assert len(api.calls) == 1


async def test_no_connection_is_not_sent() -> None:
    async with opened() as client:
        with pytest.raises(NotSent, match="refused"):
            await post(client, f"http://127.0.0.1:{free_port()}/secret")


async def test_a_host_that_is_not_found_is_not_sent() -> None:
    async with opened() as client:
        with pytest.raises(NotSent, match="host name was not found") as error:
            await post(client, "http://canary.invalid/secret")
    assert "canary" not in str(error.value)


async def test_connecting_has_a_limit_of_its_own() -> None:
    """A listener whose queue is full takes no further connection."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    port = listening.getsockname()[1]
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        fillers.append(filler)
    async with opened(connect_seconds=0.2, seconds=60) as client:
        with pytest.raises(NotSent, match=r"no connection within 0\.2 s|TimeoutError"):
            await post(client, f"http://127.0.0.1:{port}/")
    for one in (*fillers, listening):
        one.close()


async def test_a_body_of_an_answer_is_cut() -> None:
    async with scripted_api(None, Reply(body=b"y" * (MOST_READ * 5))) as api, opened() as client:
        answer = await post(client, f"{api.origin}/")
        assert answer.body == b"y" * MOST_READ
        assert (await post(client, f"{api.origin}/")).status == 200
    assert api.connections == 2


async def test_an_endless_head_ends_the_connection() -> None:
    async with scripted_api(None, Reply(headers={f"x-{n}": "y" * 1000 for n in range(200)})) as api, opened() as client:
        with pytest.raises(AnswerLost):
            await post(client, f"{api.origin}/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with scripted_api() as elsewhere, scripted_api() as api, opened() as client:
        api.replies.append(Reply(status=status, headers={"location": elsewhere.origin}))
        assert (await post(client, f"{api.origin}/")).status == status
    assert elsewhere.calls == []


async def test_no_cookie_is_stored_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with scripted_api(lambda _call: Reply(headers={"set-cookie": "a=b"})) as api, opened() as client:
        for _ in range(2):
            assert (await post(client, f"{api.origin}/")).status == 200
    assert all("cookie" not in call.headers for call in api.calls)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:1/a b", {}),
        ("http://127.0.0.1:1/a\r\nx: y", {}),
        ("http://127.0.0.1:1/é", {}),
        ("http://127.0.0.1:1/a#b", {}),
        ("http://user:pass@127.0.0.1:1/", {}),
        ("http://", {}),
        ("ftp://127.0.0.1/", {}),
        ("http://127.0.0.1:1/", {"a": "b\r\nc: d"}),
        ("http://127.0.0.1:1/", {"a\n": "b"}),
        ("http://127.0.0.1:1/", {"a": "b\0"}),
        ("http://127.0.0.1:1/", {"a": "→"}),
    ],
)
async def test_what_cannot_be_sent_is_refused(url: str, headers: dict[str, str]) -> None:
    async with opened() as client:
        with pytest.raises(ValueError, match=r"the URL|a header"):
            await client.request("POST", url, headers=headers)


async def test_a_request_that_is_cancelled_gives_its_connection_up() -> None:
    gate = asyncio.Event()
    async with scripted_api() as api, opened(per_origin=1) as client:
        api.replies.append(Reply(after=gate))
        task = asyncio.create_task(post(client, f"{api.origin}/"))
        await until(lambda: api.calls)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.set()
        assert (await post(client, f"{api.origin}/")).status == 200
    assert api.connections == 2


async def test_closing_ends_idle_connections_and_may_be_repeated() -> None:
    async with scripted_api() as api, opened() as client:
        await post(client, f"{api.origin}/")
        await client.close()
        await client.close()
        await until(lambda: api.open == 0)


async def test_tls_is_verified_by_the_name_in_the_url(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)

    def trusting() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificates.authority))

    async with (
        scripted_api(tls=certificates.server) as api,
        scripted_api(tls=certificates.server, host="127.0.0.2") as other,
    ):
        async with opened(tls=trusting) as client:
            for _ in range(3):
                assert (await post(client, f"{api.origin}/")).status == 200
            assert (await post(client, f"{api.origin}/", LARGE)).status == 200
            with pytest.raises(Untrusted, match="certificate"):
                await post(client, f"{other.origin}/")
        async with opened() as client:
            with pytest.raises(Untrusted, match="certificate"):
                await post(client, f"{api.origin}/")
    assert (len(api.calls), other.calls) == (4, [])


LOST = [Reply(cut=0), Reply(cut=5), Reply(body="x" * 100, cut=90), Reply(cut=0, reset=True)]
ON_UVLOOP: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "whole": test_a_request_arrives_whole_and_its_answer_comes_back,
    "limit": test_requests_share_kept_connections_up_to_the_limit_of_the_origin,
    "idle": test_an_idle_connection_that_the_server_closed_is_replaced,
    "unread close": test_a_close_that_the_loop_has_not_read_yet_is_seen_before_the_connection_is_used,
    "unwritten": test_a_body_that_was_not_written_in_full_was_not_sent,
    "closed within a body": partial(test_a_connection_lost_within_a_large_body_is_no_doubt, reset=False),
    "reset within a body": partial(test_a_connection_lost_within_a_large_body_is_no_doubt, reset=True),
    "kept": test_a_kept_connection_lost_within_the_request_is_tried_once_more_on_a_new_one,
    "large": test_a_large_body_arrives_whole,
    "early": test_an_early_refusal_of_a_large_body_is_an_answer,
    "refused": test_no_connection_is_not_sent,
    "unknown": test_a_host_that_is_not_found_is_not_sent,
    "cut": test_a_body_of_an_answer_is_cut,
    "cancelled": test_a_request_that_is_cancelled_gives_its_connection_up,
    **{
        f"lost {number}, kept {kept}": partial(
            test_an_answer_that_is_lost_leaves_doubt_and_nothing_is_sent_again, reply, kept=kept
        )
        for number, reply in enumerate(LOST)
        for kept in (False, True)
    },
}


@pytest.mark.parametrize("name", ON_UVLOOP)
def test_the_same_is_known_on_uvloop(name: str) -> None:
    """Processes run on uvloop, whose transports write and report losses in their own way."""
    uvloop.run(ON_UVLOOP[name]())


def test_tls_on_uvloop(tmp_path: Path) -> None:
    uvloop.run(test_tls_is_verified_by_the_name_in_the_url(tmp_path))
