"""Access tokens that run out: one request for all who ask, renewed in time, and an error is not remembered."""

import asyncio
from collections.abc import Sequence

import pytest

from angarium.platform.http.api.tokens import EARLY, CachedToken, Granted, TokenUnavailable
from tests.support.clock import ManualClock, settle


class Server:
    """Gives out tokens `t1`, `t2`, … once `gate` is set."""

    def __init__(self, seconds: float = 3600, errors: Sequence[Exception] = ()) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.seconds = seconds
        self.errors = list(errors)

    async def fetch(self) -> Granted:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return Granted(f"t{number}", self.seconds)


async def test_all_who_ask_at_once_share_one_request() -> None:
    server = Server()
    token = CachedToken(server.fetch, ManualClock())
    assert set(await asyncio.gather(*(token.get() for _ in range(50)))) == {"t1"}
    assert server.asked == 1


async def test_who_gives_up_waiting_does_not_end_the_request() -> None:
    server = Server()
    server.gate.clear()
    token = CachedToken(server.fetch, ManualClock())
    first, second = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await settle()
    first.cancel()
    await settle()
    server.gate.set()
    assert await second == "t1"
    assert server.asked == 1


async def test_it_is_renewed_before_its_end_while_the_old_one_serves() -> None:
    clock, server = ManualClock(), Server()
    token = CachedToken(server.fetch, clock)
    await token.get()
    await clock.advance(3600 - EARLY - 1)
    assert await token.get() == "t1"
    await clock.advance(1)
    server.gate.clear()
    assert await token.get() == "t1", "nobody waits for the new one"
    assert await token.get() == "t1"
    server.gate.set()
    await settle()
    assert await token.get() == "t2"
    assert server.asked == 2


async def test_an_error_reaches_those_who_have_no_token_and_the_next_asks_again() -> None:
    server = Server(errors=[TokenUnavailable("no token")])
    token = CachedToken(server.fetch, ManualClock())
    results = await asyncio.gather(*(token.get() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [TokenUnavailable] * 3
    assert await token.get() == "t2"


async def test_an_error_of_an_early_renewal_is_nobodys() -> None:
    clock, server = ManualClock(), Server()
    token = CachedToken(server.fetch, clock)
    await token.get()
    await clock.advance(3600 - EARLY)
    server.errors = [TokenUnavailable("no token")]
    assert await token.get() == "t1"
    await settle()
    assert await token.get() == "t1"
    await settle()
    assert await token.get() == "t3"


async def test_a_refused_token_is_fetched_anew_but_a_newer_one_stays() -> None:
    server = Server()
    token = CachedToken(server.fetch, ManualClock())
    await token.get()
    token.drop("t1")
    assert await token.get() == "t2"
    token.drop("t1")
    assert await token.get() == "t2"
    assert server.asked == 2


@pytest.mark.parametrize("seconds", [0.0, 1.0, 60.0])
async def test_a_short_life_is_used_up_to_half(seconds: float) -> None:
    clock, server = ManualClock(), Server(seconds)
    token = CachedToken(server.fetch, clock)
    await token.get()
    await clock.advance(seconds)
    assert await token.get() == "t2"


async def test_closing_ends_a_request_that_is_under_way() -> None:
    server = Server()
    server.gate.clear()
    token = CachedToken(server.fetch, ManualClock())
    waiting = asyncio.create_task(token.get())
    await settle()
    await token.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await token.close()


def test_a_token_is_not_shown() -> None:
    assert "hunter2" not in repr(Granted("hunter2", 1))
