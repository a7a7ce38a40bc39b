"""Access tokens: cached until shortly before their end, one request at a time, and what each failure is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from angarium.platform.clock import SystemClock
from angarium.platform.http.api.http1 import Http1Client
from angarium.platform.http.api.oauth import AccessTokens, TokenRefused, TokenUnavailable
from angarium.testing.http_api import Call, Reply, ScriptedApi, scripted_api
from tests.support.clock import ManualClock
from tests.support.servers.ports import free_port
from tests.support.wait import until


@asynccontextmanager
async def tokens(clock: ManualClock, **answer: Any) -> AsyncIterator[tuple[AccessTokens, ScriptedApi]]:
    given = 0

    def give(call: Call) -> Reply:
        nonlocal given
        given += 1
        assert (call.method, call.target) == ("POST", "/token")
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(call.body.decode()) == {"grant_type": ["client_credentials"], "client_secret": ["s&=é"]}
        return Reply(body={"access_token": f"t{given}", "expires_in": 3600, "token_type": "Bearer", **answer})

    async with scripted_api(give) as api:
        client = Http1Client(SystemClock(), seconds=0.5)
        form: Mapping[str, str] = {"grant_type": "client_credentials", "client_secret": "s&=é"}
        yield AccessTokens(client, f"{api.origin}/token", lambda: form, clock), api
        await client.close()


async def test_a_token_serves_until_shortly_before_its_end() -> None:
    clock = ManualClock()
    async with tokens(clock) as (source, api):
        assert [await source.current(), await source.current()] == ["t1", "t1"]
        await clock.advance(3299)
        assert await source.current() == "t1"
        await clock.advance(2)
        assert await source.current() == "t2"
        assert len(api.calls) == 2


@pytest.mark.parametrize(("expires_in", "good_for"), [(100, 90), ("100", 90), (0, 0), (-5, 0), ("soon", 3300)])
async def test_a_life_of_any_length_is_taken(expires_in: object, good_for: float) -> None:
    clock = ManualClock()
    async with tokens(clock, expires_in=expires_in) as (source, api):
        await source.current()
        if good_for:
            await clock.advance(good_for - 1)
            assert await source.current() == "t1"
            await clock.advance(1.5)
        assert await source.current() == "t2"
        assert len(api.calls) == 2


async def test_many_at_once_ask_once() -> None:
    async with tokens(ManualClock()) as (source, api):
        gate = asyncio.Event()
        api.replies.append(Reply(body={"access_token": "t", "expires_in": 60}, after=gate))
        asking = [asyncio.create_task(source.current()) for _ in range(50)]
        await until(lambda: api.calls)
        gate.set()
        assert set(await asyncio.gather(*asking)) == {"t"}
        assert len(api.calls) == 1


async def test_one_that_is_cancelled_leaves_the_request_to_the_next() -> None:
    async with tokens(ManualClock()) as (source, api):
        gate = asyncio.Event()
        api.replies.append(Reply(after=gate))
        first = asyncio.create_task(source.current())
        second = asyncio.create_task(source.current())
        await until(lambda: api.calls)
        first.cancel()
        assert await second == "t1"
        gate.set()


async def test_a_token_that_was_refused_is_replaced_once() -> None:
    async with tokens(ManualClock()) as (source, api):
        token = await source.current()
        source.refuse(token)
        assert await source.current() == "t2"
        source.refuse(token)  # by one who had the old one
        assert await source.current() == "t2"
        assert len(api.calls) == 2


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=500), TokenUnavailable, "answered 500"),
        (Reply(status=429), TokenUnavailable, "answered 429"),
        (Reply(body="<html>"), TokenUnavailable, "cannot be read"),
        (Reply(body={"access_token": ""}), TokenUnavailable, "cannot be read"),
        (Reply(body={"access_token": "a\nb"}), TokenUnavailable, "cannot be read"),
        (Reply(body={"access_token": 7}), TokenUnavailable, "cannot be read"),
        (Reply(cut=0), TokenUnavailable, "lost"),
        (Reply(after=asyncio.Event()), TokenUnavailable, "no answer"),
        (Reply(status=400, body={"error": "invalid_grant"}), TokenRefused, "400 invalid_grant"),
        (Reply(status=401, body="[" * 9000), TokenRefused, "401"),
        (
            Reply(
                status=401,
                body={"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret canary of app x"},
            ),
            TokenRefused,
            "401 invalid_client AADSTS7000215",
        ),
        (Reply(status=400, body={"error": "canary\n"}), TokenRefused, "no access token: 400"),
    ],
)
async def test_what_a_failure_is(reply: Reply, error: type[Exception], words: str) -> None:
    async with tokens(ManualClock()) as (source, api):
        api.replies.append(reply)
        with pytest.raises(error, match=words) as raised:
            await source.current()
        assert "canary" not in str(raised.value)
        if reply.after is not None:
            reply.after.set()


async def test_after_a_failure_the_endpoint_is_not_called_for_a_moment() -> None:
    clock = ManualClock()
    async with tokens(clock) as (source, api):
        api.replies.append(Reply(status=503))
        for _ in range(5):
            with pytest.raises(TokenUnavailable):
                await source.current()
        assert len(api.calls) == 1
        await clock.advance(2)
        assert await source.current() == "t1"


async def test_an_endpoint_that_is_away_is_unavailable() -> None:
    client = Http1Client(SystemClock())
    source = AccessTokens(client, f"http://127.0.0.1:{free_port()}/token", dict, ManualClock())
    with pytest.raises(TokenUnavailable, match="refused"):
        await source.current()
    await client.close()
